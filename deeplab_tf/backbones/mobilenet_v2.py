# Licensed under the Apache License, Version 2.0.
"""MobileNetV2: inverted residuals with linear bottlenecks.

Reference: arXiv:1801.04381, table 2; slim's nets/mobilenet/mobilenet_v2.py and
conv_blocks.py for rounding, names and the place of the stride.
"""

import keras

from deeplab_tf.backbones.atrous_schedule import AtrousSchedule
from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.layers.atrous_conv import AtrousConv, AtrousDepthwiseConv
from deeplab_tf.layers.input_scaling import InputScaling

# Expansion, channels, stride of each inverted residual, expanded_conv to
# expanded_conv_16. The paper's 1280 channel convolution is not part of DeepLab.
BLOCKS = (
    (1, 16, 1),
    (6, 24, 2),
    (6, 24, 1),
    (6, 32, 2),
    (6, 32, 1),
    (6, 32, 1),
    (6, 64, 2),
    (6, 64, 1),
    (6, 64, 1),
    (6, 64, 1),
    (6, 96, 1),
    (6, 96, 1),
    (6, 96, 1),
    (6, 160, 2),
    (6, 160, 1),
    (6, 160, 1),
    (6, 320, 1),
)

TAPS = {
    "research_deeplab": {
        4: "layer_4/depthwise_output",
        8: "layer_7/depthwise_output",
        16: "layer_14/depthwise_output",
    },
}


def build_mobilenet_v2(config: MobileNetV2Config, style: ConvStyle) -> Backbone:
    """Builds MobileNetV2 up to its 320 channel features.

    Args:
        config: width and output stride.
        style: norm and activation.

    Returns:
        Endpoints layer_1 to layer_18 (the first convolution is layer_1), and
        layer_<n>/expansion_output and layer_<n>/depthwise_output inside the blocks.
    """
    images = keras.Input((None, None, 3), name="image")
    schedule = AtrousSchedule(config.output_stride)
    endpoints, strides = {}, {}

    def add(name, x):
        endpoints[name], strides[name] = x, schedule.stride
        return x

    x = InputScaling(name="input_scaling")(images)
    stride, _ = schedule.step(2)
    x = AtrousConv(
        scaled_channels(32, config),
        3,
        style=style,
        stride=stride,
        activation=style.activation,
        kernel_initializer=_initializer(),
        name="conv",
    )(x)
    add("layer_1", x)
    for i, (expansion, channels, block_stride) in enumerate(BLOCKS):
        layer = f"layer_{i + 2}"
        name = f"expanded_conv_{i}" if i else "expanded_conv"
        stride, rate = schedule.step(block_stride)
        shortcut = x
        if expansion > 1:
            x = AtrousConv(
                make_divisible(shortcut.shape[-1] * expansion, 8),
                1,
                style=style,
                activation=style.activation,
                kernel_initializer=_initializer(),
                name=f"{name}_expand",
            )(x)
            endpoints[f"{layer}/expansion_output"] = x
            strides[f"{layer}/expansion_output"] = schedule.stride // stride
        x = AtrousDepthwiseConv(
            style=style,
            stride=stride,
            rate=rate,
            activation=style.activation,
            kernel_initializer=_initializer(),
            name=f"{name}_depthwise",
        )(x)
        add(f"{layer}/depthwise_output", x)
        x = AtrousConv(
            scaled_channels(channels, config),
            1,
            style=style,
            kernel_initializer=_initializer(),
            name=f"{name}_project",
        )(x)
        # slim asks for the stride that the block really has, not for the table's.
        if stride == 1 and x.shape[-1] == shortcut.shape[-1]:
            x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
        add(layer, x)
    return Backbone(
        input=images, endpoints=endpoints, strides=strides, features=x, taps=TAPS
    )


def scaled_channels(channels: int, config: MobileNetV2Config) -> int:
    """Returns a layer's number of channels at a depth multiplier."""
    # research/deeplab/core/feature_extractor.py: _mobilenet_v2. Other widths than 1
    # are not rounded to multiples of 8 there, and checkpoints depend on it.
    full_width = config.depth_multiplier == 1.0
    divisor = config.divisible_by or (8 if full_width else 1)
    minimum = 8 if full_width else 1
    return make_divisible(channels * config.depth_multiplier, divisor, minimum)


def make_divisible(value: float, divisor: int, minimum: int | None = None) -> int:
    """Rounds to a multiple of `divisor`, never down by more than a tenth."""
    rounded = int(value + divisor / 2) // divisor * divisor
    rounded = max(divisor if minimum is None else minimum, rounded)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _initializer() -> keras.initializers.Initializer:
    """Returns the initializer of all kernels: slim's training_scope has 0.09."""
    return keras.initializers.TruncatedNormal(stddev=0.09)
