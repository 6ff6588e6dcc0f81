# Licensed under the Apache License, Version 2.0.
"""ResNet-v1 with 18 to 152 layers; a configuration says where its strides are.

Reference: arXiv:1512.03385, table 1; research/deeplab/core/resnet_v1_beta.py for the
beta stem, names, padding and the stride in the last unit of a block; torchvision's
models/resnet.py for that in the first.
"""

import keras

from deeplab_tf.backbones.atrous_schedule import AtrousSchedule
from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.resnet import MEAN_RGB, UNITS, ResNetConfig
from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.input_scaling import InputScaling, build_input_scaling
from deeplab_tf.layers.max_pooling import padded_max_pool

# Channels of the 3x3 convolutions of block1 to block4.
BASE_CHANNELS = (64, 128, 256, 512)
# Channels of a bottleneck's output over those of its 3x3 convolution.
EXPANSION = 4

# Channels of the three 3x3 convolutions of the beta stem, by depth.
BETA_STEM = {18: (16, 16, 32), 50: (64, 64, 128), 101: (64, 64, 128)}

# Where the blocks begin with their stride, a decoder can read their outputs.
TORCHVISION_TAPS = {4: "block1", 8: "block2", 16: "block3"}


def build_resnet(config: ResNetConfig, style: ConvStyle) -> Backbone:
    """Builds a ResNet-v1 up to the output of block4.

    Args:
        config: depth, stem, strides and multi-grid.
        style: norm, activation and padding.

    Returns:
        Endpoints conv1 (or conv1_1 to conv1_3), each convolution and sum of the units,
        as block1/unit_1/bottleneck_v1/conv1 and block1/unit_1/bottleneck_v1, and
        block1 to block4.
    """
    images = keras.Input((None, None, 3), name="image")
    schedule = AtrousSchedule(config.output_stride)
    endpoints, strides = {}, {}
    x = _input_scaling(config)(images)
    stride, _ = schedule.step(2)
    for name, channels, kernel_size in _stem(config):
        x = _conv(name, channels, kernel_size, style=style, stride=stride)(x)
        endpoints[name], strides[name] = x, schedule.stride
        stride = 1
    x = _pool(x, schedule, config)
    add_unit = _basic_block if config.is_basic else _bottleneck
    for block, (channels, unit_strides) in enumerate(_blocks(config), start=1):
        grid = config.multi_grid if block == len(BASE_CHANNELS) else ()
        for i, unit_stride in enumerate(unit_strides):
            before = schedule.stride
            steps = _steps(schedule, unit_stride, config, grid[i] if grid else 1)
            parts = add_unit(
                x,
                f"block{block}_unit_{i + 1}",
                channels=channels,
                steps=steps,
                style=style,
            )
            for part, x in parts.items():
                name = f"block{block}/unit_{i + 1}/{_scope(config)}{part}"
                is_early = part == "/conv1" and steps[0][0] == 1
                endpoints[name] = x
                strides[name] = before if is_early else schedule.stride
        endpoints[f"block{block}"], strides[f"block{block}"] = x, schedule.stride
    return Backbone(
        input=images,
        endpoints=endpoints,
        strides=strides,
        features=x,
        taps=_taps(config),
    )


def _scope(config: ResNetConfig) -> str:
    return "lite_bottleneck_v1" if config.is_basic else "bottleneck_v1"


def _taps(config: ResNetConfig) -> dict[str, dict[int, str]]:
    """Returns where decoders read, by convention."""
    # The original's: the residual branch before the sum, without an activation.
    last = f"{_scope(config)}/conv{2 if config.is_basic else 3}"
    units = enumerate(UNITS[config.depth][:3], start=1)
    official = {2 << b: f"block{b}/unit_{n - 1}/{last}" for b, n in units}
    taps = {"research_deeplab": official}
    if config.stride_place != "last_unit":
        taps["torchvision"] = TORCHVISION_TAPS
    return taps


def _input_scaling(config: ResNetConfig) -> InputScaling:
    if config.stem == "beta" or config.input_scaling is not None:
        return build_input_scaling(config.input_scaling)
    offset = tuple(-mean for mean in MEAN_RGB)
    return InputScaling(scale=1.0, offset=offset, name="input_scaling")


def _stem(config: ResNetConfig) -> list[tuple[str, int, int]]:
    """Returns name, channels and kernel of the first convolutions."""
    if config.stem == "plain":
        return [("conv1", 64, 7)]
    channels = BETA_STEM[config.depth]
    return [(f"conv1_{i}", c, 3) for i, c in enumerate(channels, start=1)]


def _pool(x, schedule: AtrousSchedule, config: ResNetConfig):
    stride, _ = schedule.step(2)
    if config.pool_padding == "same":
        return keras.layers.MaxPooling2D(3, stride, padding="same", name="pool1")(x)
    return padded_max_pool(
        x, 3, stride=stride, padding=config.pool_padding, name="pool1"
    )


def _blocks(config: ResNetConfig) -> list[tuple[int, list[int]]]:
    """Returns of each block its base channels and the strides of its units."""
    blocks = []
    for channels, units in zip(BASE_CHANNELS, UNITS[config.depth], strict=True):
        strides = [1] * units
        if config.stride_place != "last_unit":
            strides[0] = 1 if channels == BASE_CHANNELS[0] else 2
        elif channels != BASE_CHANNELS[-1]:
            # Slim's checkpoints expect the stride in the last unit; block4 has none.
            strides[-1] = 2
        blocks.append((channels, strides))
    return blocks


def _steps(
    schedule: AtrousSchedule, unit_stride: int, config: ResNetConfig, grid: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns (stride, rate) of a unit's first two convolutions."""
    stride, rate = schedule.step(unit_stride)
    _, rate_behind = schedule.step(1)
    if config.stride_place == "first_conv":
        return (stride, 1), (1, rate_behind * grid)
    if not config.is_basic:
        return (1, 1), (stride, rate * grid)
    if config.stride_place == "first_unit":
        return (stride, rate * grid), (1, rate_behind * grid)
    return (1, rate * grid), (stride, rate * grid)


def _bottleneck(x, layer: str, *, channels: int, steps, style):
    """Returns endpoints of 1x1, 3x3 and 1x1 convolutions beside a shortcut."""
    outputs = channels * EXPANSION
    (first, _), (second, rate) = steps
    shortcut, parts = _shortcut(x, layer, outputs, stride=first * second, style=style)
    x = _conv(f"{layer}_conv1", channels, 1, style=style, stride=first)(x)
    parts["/conv1"] = x
    x = _conv(f"{layer}_conv2", channels, 3, style=style, stride=second, rate=rate)(x)
    parts["/conv2"] = x
    x = _linear_conv(f"{layer}_conv3", outputs, 1, style=style)(x)
    parts["/conv3"] = x
    return parts | {"": _sum(shortcut, x, layer, style)}


def _basic_block(x, layer: str, *, channels: int, steps, style):
    """Returns endpoints of two 3x3 convolutions beside a shortcut."""
    (first, rate), (second, rate2) = steps
    shortcut, parts = _shortcut(x, layer, channels, stride=first * second, style=style)
    x = _conv(f"{layer}_conv1", channels, 3, style=style, stride=first, rate=rate)(x)
    parts["/conv1"] = x
    x = _linear_conv(
        f"{layer}_conv2", channels, 3, style=style, stride=second, rate=rate2
    )(x)
    parts["/conv2"] = x
    return parts | {"": _sum(shortcut, x, layer, style)}


def _shortcut(x, layer: str, outputs: int, *, stride: int, style):
    """Returns what is added to a unit's convolutions, and its endpoint if any."""
    if x.shape[-1] != outputs:
        x = _linear_conv(f"{layer}_shortcut", outputs, 1, style=style, stride=stride)(x)
        return x, {"/shortcut": x}
    if stride > 1:
        # A pool of one pixel, as the original leaves out every other one.
        x = keras.layers.MaxPooling2D(1, stride, name=f"{layer}_subsample")(x)
    return x, {}


def _sum(shortcut, x, layer: str, style: ConvStyle):
    x = keras.layers.Add(name=f"{layer}_add")([shortcut, x])
    return keras.layers.Activation(style.activation, name=f"{layer}_output")(x)


def _conv(name: str, filters: int, kernel_size: int, *, style: ConvStyle, **options):
    return AtrousConv(
        filters,
        kernel_size,
        style=style,
        activation=style.activation,
        # tf_slim's variance_scaling_initializer.
        kernel_initializer="he_normal",
        name=name,
        **options,
    )


def _linear_conv(name: str, filters: int, kernel_size: int, *, style, **options):
    return AtrousConv(
        filters,
        kernel_size,
        style=style,
        kernel_initializer="he_normal",
        name=name,
        **options,
    )
