# Licensed under the Apache License, Version 2.0.
"""MobileNet-EdgeTPU: a MobileNetV3 whose early blocks have dense convolutions.

Reference: slim's nets/mobilenet/mobilenet_v3.py, V3_EDGETPU.
"""

import functools

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.inverted_residual import (
    Block,
    build_inverted_residuals,
    make_divisible,
)
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.mobilenet_edgetpu import MobileNetEdgeTPUConfig

_fused = functools.partial(Block, fused=True)

STEM_CHANNELS = 32
LAST_CHANNELS = 1280
# expanded_conv to expanded_conv_21: expansion, channels, stride, kernel.
BLOCKS = (
    _fused(1, 16, 1, 3),
    _fused(8, 32, 2, 3),
    _fused(4, 32, 1, 3),
    _fused(4, 32, 1, 3),
    _fused(4, 32, 1, 3),
    _fused(8, 48, 2, 3),
    _fused(4, 48, 1, 3),
    _fused(4, 48, 1, 3),
    _fused(4, 48, 1, 3),
    Block(8, 96, 2, 3),
    Block(4, 96, 1, 3),
    Block(4, 96, 1, 3),
    Block(4, 96, 1, 3),
    Block(8, 96, 1, 3, residual=False),
    Block(4, 96, 1, 3),
    Block(4, 96, 1, 3),
    Block(4, 96, 1, 3),
    Block(8, 160, 2, 5),
    Block(4, 160, 1, 5),
    Block(4, 160, 1, 5),
    Block(4, 160, 1, 5),
    Block(8, 192, 1, 3),
)

# research/deeplab gives a decoder nothing to read.
TAPS: dict[str, dict[int, str]] = {"research_deeplab": {}}


def build_mobilenet_edgetpu(
    config: MobileNetEdgeTPUConfig, style: ConvStyle
) -> Backbone:
    """Builds MobileNet-EdgeTPU up to its 1280 channel features.

    Args:
        config: width and output stride.
        style: norm and activation.

    Returns:
        Endpoints layer_1 to layer_24, layer_<n>/expansion_output inside all blocks
        but the first, and layer_<n>/depthwise_output from layer_11 on.
    """

    def scale(channels: int) -> int:
        return make_divisible(channels * config.depth_multiplier, 8)

    last = LAST_CHANNELS if config.full_width_features else scale(LAST_CHANNELS)
    return build_inverted_residuals(
        BLOCKS,
        stem_channels=STEM_CHANNELS,
        last_channels=last,
        scale=scale,
        output_stride=config.output_stride,
        style=style,
        taps=TAPS,
        input_scaling=config.input_scaling,
    )
