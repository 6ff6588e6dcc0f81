# Licensed under the Apache License, Version 2.0.
"""MobileNetV2: inverted residuals with linear bottlenecks.

Reference: arXiv:1801.04381, table 2; slim's nets/mobilenet/mobilenet_v2.py.
"""

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.inverted_residual import (
    Block,
    build_inverted_residuals,
    make_divisible,
)
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config

# expanded_conv to expanded_conv_16: expansion, channels, stride. The paper's 1280
# channel convolution is not part of DeepLab.
BLOCKS = (
    Block(1, 16, 1),
    Block(6, 24, 2),
    Block(6, 24, 1),
    Block(6, 32, 2),
    Block(6, 32, 1),
    Block(6, 32, 1),
    Block(6, 64, 2),
    Block(6, 64, 1),
    Block(6, 64, 1),
    Block(6, 64, 1),
    Block(6, 96, 1),
    Block(6, 96, 1),
    Block(6, 96, 1),
    Block(6, 160, 2),
    Block(6, 160, 1),
    Block(6, 160, 1),
    Block(6, 320, 1),
)

TAPS = {
    "research_deeplab": {
        4: "layer_4/depthwise_output",
        8: "layer_7/depthwise_output",
        16: "layer_14/depthwise_output",
    },
    "torchvision": {4: "layer_4", 8: "layer_7", 16: "layer_14"},
}


def build_mobilenet_v2(config: MobileNetV2Config, style: ConvStyle) -> Backbone:
    """Builds MobileNetV2 up to its 320 channel features.

    Args:
        config: width, output stride, padding and scaling of the pixels.
        style: norm and activation.

    Returns:
        Endpoints layer_1 to layer_18 (the first convolution is layer_1), and
        layer_<n>/expansion_output and layer_<n>/depthwise_output inside the blocks.
    """
    return build_inverted_residuals(
        BLOCKS,
        stem_channels=32,
        scale=lambda channels: scaled_channels(channels, config),
        output_stride=config.output_stride,
        style=style,
        taps=TAPS,
        input_scaling=config.input_scaling,
        blocks_pad=config.padding_place == "block",
    )


def scaled_channels(channels: int, config: MobileNetV2Config) -> int:
    """Returns a layer's number of channels at a depth multiplier."""
    # research/deeplab/core/feature_extractor.py: _mobilenet_v2. Other widths than 1
    # are not rounded to multiples of 8 there, and checkpoints depend on it.
    full_width = config.depth_multiplier == 1.0
    divisor = config.divisible_by or (8 if full_width else 1)
    minimum = 8 if full_width else 1
    return make_divisible(channels * config.depth_multiplier, divisor, minimum)
