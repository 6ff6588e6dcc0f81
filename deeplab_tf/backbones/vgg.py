# Licensed under the Apache License, Version 2.0.
"""VGG-16, whose fully connected layers are convolutions.

Reference: arXiv:1409.1556, table 1, configuration D; slim's nets/vgg.py: vgg_16;
DeepLab v1 (arXiv:1412.7062), section 3.1, for the strides that become rates.
"""

import dataclasses

import keras

from deeplab_tf.backbones.atrous_schedule import AtrousSchedule
from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.vgg import MEAN_RGB, VGGConfig
from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.input_scaling import InputScaling, build_input_scaling
from deeplab_tf.layers.max_pooling import AtrousMaxPool, padded_max_pool

# 3x3 convolutions and their channels, conv1 to conv5, each with a pool behind it.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))

# research/deeplab has no VGG; this is what each block has in front of its pool.
TAPS = {
    "research_deeplab": {
        4: "conv3/conv3_3",
        8: "conv4/conv4_3",
        16: "conv5/conv5_3",
    },
}


def build_vgg(config: VGGConfig, style: ConvStyle) -> Backbone:
    """Builds VGG-16 up to pool5, or up to fc7.

    Args:
        config: output stride, pools, and fc6 and fc7.
        style: activation.

    Returns:
        Endpoints conv1/conv1_1 to conv5/conv5_3, pool1 to pool5, and fc6 and fc7
        where the configuration has them.
    """
    images = keras.Input((None, None, 3), name="image")
    schedule = AtrousSchedule(config.output_stride)
    endpoints, strides = {}, {}

    def add(name, x):
        endpoints[name], strides[name] = x, schedule.stride
        return x

    x = _input_scaling(config)(images)
    for block, (convs, channels) in enumerate(BLOCKS, start=1):
        for i in range(1, convs + 1):
            _, rate = schedule.step(1)
            x = _conv(f"conv{block}_{i}", channels, 3, style=style, rate=rate)(x)
            add(f"conv{block}/conv{block}_{i}", x)
        stride, rate = schedule.step(2)
        x = _pool(x, block, config, stride=stride, rate=rate)
        add(f"pool{block}", x)
    if config.average_pool_size is not None:
        x = _average_pool(x, config.average_pool_size)
    if config.fc_channels is not None:
        _, rate = schedule.step(1)
        x = _fc6(config, config.fc_channels, style=style, rate=rate)(x)
        add("fc6", x)
        x = keras.layers.Dropout(config.dropout_rate, name="dropout6")(x)
        x = _conv("fc7", config.fc_channels, 1, style=style)(x)
        add("fc7", x)
    return Backbone(
        input=images, endpoints=endpoints, strides=strides, features=x, taps=TAPS
    )


def _input_scaling(config: VGGConfig) -> InputScaling:
    if config.input_scaling is not None:
        return build_input_scaling(config.input_scaling)
    offset = tuple(-mean for mean in MEAN_RGB)
    return InputScaling(scale=1.0, offset=offset, name="input_scaling")


def _pool(x, block: int, config: VGGConfig, *, stride: int, rate: int):
    name = f"pool{block}"
    if config.padding == "ceil" and stride > 1:
        return padded_max_pool(
            x, config.pool_size, stride=stride, padding="ceil", name=name
        )
    return AtrousMaxPool(
        config.pool_size,
        stride=stride,
        rate=rate if config.atrous_pooling else 1,
        padding="valid" if config.padding == "valid" else "same",
        name=name,
    )(x)


def _average_pool(x, size: int):
    """Returns means of windows that reach beyond the border, where there are zeros."""
    sides = ((size - 1) // 2, size // 2)
    x = keras.layers.ZeroPadding2D((sides, sides), name="pool5a_padding")(x)
    return keras.layers.AveragePooling2D(size, 1, name="pool5a")(x)


def _fc6(
    config: VGGConfig, channels: int, *, style: ConvStyle, rate: int
) -> AtrousConv:
    if config.padding == "valid":
        style = dataclasses.replace(style, padding="none")
    return _conv(
        "fc6",
        channels,
        config.fc6_kernel_size,
        style=style,
        rate=config.fc6_rate or rate,
    )


def _conv(name: str, channels: int, kernel_size: int, *, style, rate: int = 1):
    return AtrousConv(
        channels,
        kernel_size,
        style=style,
        rate=rate,
        normalize=False,
        activation=style.activation,
        name=name,
    )
