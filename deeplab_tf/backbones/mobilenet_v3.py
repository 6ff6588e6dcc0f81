# Licensed under the Apache License, Version 2.0.
"""MobileNetV3: inverted residuals with hard swish and squeeze-and-excitation.

Reference: arXiv:1905.02244, tables 1 and 2; slim's nets/mobilenet/mobilenet_v3.py;
research/deeplab/core/feature_extractor.py for the `_seg` widths and the taps.
"""

import dataclasses
import functools

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.inverted_residual import (
    Block,
    build_inverted_residuals,
    make_divisible,
)
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.mobilenet_v3 import MobileNetV3Config


@dataclasses.dataclass(frozen=True)
class Table:
    """What a size and a width of the network consist of.

    Attributes:
        blocks: expanded_conv, expanded_conv_1 and so on.
        last_channels: of the 1x1 convolution behind them.
    """

    blocks: tuple[Block, ...]
    last_channels: int


_gated = functools.partial(Block, squeeze_excite=True)
_swish = functools.partial(Block, activation="hard_swish")
_gated_swish = functools.partial(_swish, squeeze_excite=True)

STEM_CHANNELS = 16

# Expansion, channels, stride, kernel; slim's form of the paper's inner channels.
_LARGE = (
    Block(1, 16, 1, 3),
    Block(4, 24, 2, 3),
    Block(3, 24, 1, 3),
    _gated(3, 40, 2, 5),
    _gated(3, 40, 1, 5),
    _gated(3, 40, 1, 5),
    _swish(6, 80, 2, 3),
    _swish(2.5, 80, 1, 3),
    _swish(184 / 80, 80, 1, 3),
    _swish(184 / 80, 80, 1, 3),
    _gated_swish(6, 112, 1, 3),
    _gated_swish(6, 112, 1, 3),
)
_SMALL = (
    _gated(1, 16, 2, 3),
    Block(72 / 16, 24, 2, 3),
    Block(88 / 24, 24, 1, 3),
    _gated_swish(4, 40, 2, 5),
    _gated_swish(6, 40, 1, 5),
    _gated_swish(6, 40, 1, 5),
    _gated_swish(3, 48, 1, 5),
    _gated_swish(3, 48, 1, 5),
)


def _with_tail(blocks, *, channels: int, expansion: float, last_channels: int) -> Table:
    """Returns a table with its last three blocks, of which the first is strided."""
    tail = (
        _gated_swish(expansion, channels, 2, 5),
        _gated_swish(6, channels, 1, 5),
        _gated_swish(6, channels, 1, 5),
    )
    return Table(blocks=(*blocks, *tail), last_channels=last_channels)


# By size and widths. The `_seg` variants halve the inner channels of these blocks too:
# of the first, whose input stays wide, through the expansion.
TABLES = {
    ("large", "classification"): _with_tail(
        _LARGE, channels=160, expansion=6, last_channels=960
    ),
    ("large", "segmentation"): _with_tail(
        _LARGE, channels=80, expansion=3, last_channels=480
    ),
    ("small", "classification"): _with_tail(
        _SMALL, channels=96, expansion=6, last_channels=576
    ),
    ("small", "segmentation"): _with_tail(
        _SMALL, channels=48, expansion=3, last_channels=288
    ),
}

# In front of the gate.
TAPS = {
    "large": {
        4: "layer_4/depthwise_output",
        8: "layer_7/depthwise_output",
        16: "layer_13/depthwise_output",
    },
    "small": {
        4: "layer_2/depthwise_output",
        8: "layer_4/depthwise_output",
        16: "layer_9/depthwise_output",
    },
}


def build_mobilenet_v3(config: MobileNetV3Config, style: ConvStyle) -> Backbone:
    """Builds MobileNetV3 up to the convolution in front of the classifier's pooling.

    Args:
        config: size, widths and output stride.
        style: norm, and the activation of the blocks without hard swish.

    Returns:
        Endpoints layer_1 to layer_17 (large) or layer_13 (small), and
        layer_<n>/expansion_output and layer_<n>/depthwise_output inside the blocks.
    """
    table = TABLES[config.size, config.widths]

    def scale(channels: int) -> int:
        return make_divisible(channels * config.depth_multiplier, 8)

    return build_inverted_residuals(
        table.blocks,
        stem_channels=STEM_CHANNELS,
        last_channels=scale(table.last_channels),
        activation="hard_swish",
        scale=scale,
        output_stride=config.output_stride,
        style=style,
        taps={"research_deeplab": TAPS[config.size]},
        input_scaling=config.input_scaling,
        gate=config.gate,
        early_rates=config.early_rates,
    )
