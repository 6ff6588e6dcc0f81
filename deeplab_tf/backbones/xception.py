# Licensed under the Apache License, Version 2.0.
"""Xception as DeepLabv3+ changed it: deeper, and strides instead of max pooling.

Reference: DeepLabv3+ (arXiv:1802.02611), section 3.2 and figure 4;
research/deeplab/core/xception.py for the variants, names, padding and the bounded form.
"""

import dataclasses

import keras

from deeplab_tf.backbones.atrous_schedule import AtrousSchedule
from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.xception import XceptionConfig
from deeplab_tf.layers.activations import activate
from deeplab_tf.layers.atrous_conv import AtrousConv, AtrousSeparableConv
from deeplab_tf.layers.input_scaling import InputScaling


@dataclasses.dataclass(frozen=True)
class Block:
    """Some units of three separable convolutions each.

    Attributes:
        name: scope of the original.
        channels: of the three separable convolutions.
        stride: of the third one, in each unit.
        shortcut: "conv" (1x1), "sum" (identity) or "none".
        units: how many.
    """

    name: str
    channels: tuple[int, int, int]
    stride: int
    shortcut: str = "conv"
    units: int = 1


_EXIT_FLOW = (
    Block("exit_flow/block1", (728, 1024, 1024), stride=2),
    Block("exit_flow/block2", (1536, 1536, 2048), stride=1, shortcut="none"),
)
_SHORT_ENTRY_FLOW = (
    Block("entry_flow/block1", (128, 128, 128), stride=2),
    Block("entry_flow/block2", (256, 256, 256), stride=2),
    Block("entry_flow/block3", (728, 728, 728), stride=2),
)
_LONG_ENTRY_FLOW = (
    Block("entry_flow/block1", (128, 128, 128), stride=2),
    Block("entry_flow/block2", (256, 256, 256), stride=1),
    Block("entry_flow/block3", (256, 256, 256), stride=2),
    Block("entry_flow/block4", (728, 728, 728), stride=1),
    Block("entry_flow/block5", (728, 728, 728), stride=2),
)


def _middle_flow(units: int) -> Block:
    return Block("middle_flow/block1", (728, 728, 728), 1, shortcut="sum", units=units)


BLOCKS = {
    41: (*_SHORT_ENTRY_FLOW, _middle_flow(8), *_EXIT_FLOW),
    65: (*_SHORT_ENTRY_FLOW, _middle_flow(16), *_EXIT_FLOW),
    71: (*_LONG_ENTRY_FLOW, _middle_flow(16), *_EXIT_FLOW),
}

# A block, of whose unit a decoder reads the second separable convolution.
TAPS = {
    41: {4: "entry_flow/block2", 8: "entry_flow/block3", 16: "exit_flow/block1"},
    65: {4: "entry_flow/block2", 8: "entry_flow/block3", 16: "exit_flow/block1"},
    71: {4: "entry_flow/block3", 8: "entry_flow/block5", 16: "exit_flow/block1"},
}


def build_xception(config: XceptionConfig, style: ConvStyle) -> Backbone:
    """Builds an Xception up to its 2048 channel features.

    Args:
        config: depth, output stride and multi-grid.
        style: norm, activation and padding. With "relu6" the network is the original's
            bounded one, in which linear outputs are clipped to -6..6 too.

    Returns:
        Endpoints entry_flow/conv1_1 and conv1_2; of each unit the three
        <block>/unit_<n>/xception_module/separable_conv<i>_pointwise, its shortcut and
        its sum <block>/unit_<n>/xception_module; and each <block>.
    """
    images = keras.Input((None, None, 3), name="image")
    schedule = AtrousSchedule(config.output_stride)
    endpoints, strides = {}, {}
    x = InputScaling(name="input_scaling")(images)
    stride, _ = schedule.step(2)
    for name, channels in (("entry_flow/conv1_1", 32), ("entry_flow/conv1_2", 64)):
        x = _conv(name, channels, 3, style=_root_style(style), stride=stride)(x)
        endpoints[name], strides[name] = x, schedule.stride
        stride = 1
    blocks = BLOCKS[config.depth]
    for block in blocks:
        is_last = block is blocks[-1]
        for i in range(1, block.units + 1):
            before = schedule.stride
            stride, rate = schedule.step(block.stride)
            grid = (config.multi_grid if is_last else ()) or (1, 1, 1)
            parts = _unit(
                x,
                f"{block.name}/unit_{i}".replace("/", "_"),
                block=block,
                stride=stride,
                rates=[rate * factor for factor in grid],
                is_active=is_last,
                style=style,
            )
            for part, x in parts.items():
                name = f"{block.name}/unit_{i}/xception_module{part}"
                endpoints[name] = x
                strides[name] = before if part in _BEFORE_STRIDE else schedule.stride
        endpoints[block.name], strides[block.name] = x, schedule.stride
    unit = "unit_1/xception_module/separable_conv2_pointwise"
    taps = {stride: f"{name}/{unit}" for stride, name in TAPS[config.depth].items()}
    return Backbone(
        input=images,
        endpoints=endpoints,
        strides=strides,
        features=x,
        taps={"research_deeplab": taps},
    )


_BEFORE_STRIDE = ("/separable_conv1_pointwise", "/separable_conv2_pointwise")


def _unit(x, layer: str, *, block: Block, stride: int, rates, is_active: bool, style):
    """Returns the endpoints of three separable convolutions beside a shortcut.

    Args:
        x: the input.
        layer: name of the unit.
        block: channels and kind of shortcut.
        stride: of the third convolution and of the shortcut.
        rates: of the three convolutions.
        is_active: whether the activation follows both parts of each convolution, as
            in the last block, instead of going before the convolution.
        style: norm and activation.
    """
    bounded = style.activation == "relu6"
    linear = "clip6" if bounded else None
    inputs, parts = x, {}
    for i, (channels, rate) in enumerate(zip(block.channels, rates, strict=True), 1):
        name = f"{layer}_separable_conv{i}"
        if not is_active:
            x = keras.layers.Activation(style.activation, name=f"{name}_input")(x)
        x = AtrousSeparableConv(
            channels,
            style=style,
            stride=stride if i == 3 else 1,
            rate=rate,
            activation=style.activation if is_active else linear,
            depthwise_initializer=_initializer(),
            pointwise_initializer=_initializer(),
            name=name,
        )(x)
        parts[f"/separable_conv{i}_pointwise"] = x
    if block.shortcut == "none":
        return parts | {"": x}
    shortcut = inputs
    if block.shortcut == "conv":
        shortcut = _conv(
            f"{layer}_shortcut",
            block.channels[-1],
            1,
            style=style,
            stride=stride,
            activation=None,
        )(inputs)
        parts["/shortcut"] = shortcut
    if bounded:
        shortcut = activate(shortcut, "clip6")
    x = keras.layers.Add(name=f"{layer}_add")([x, shortcut])
    if bounded:
        x = keras.layers.Activation("relu6", name=f"{layer}_output")(x)
    return parts | {"": x}


def _root_style(style: ConvStyle) -> ConvStyle:
    """Returns the style of the first convolutions: their padding is always explicit."""
    return dataclasses.replace(style, padding="explicit")


def _conv(name: str, filters: int, kernel_size: int, *, style: ConvStyle, **options):
    options = {"activation": style.activation} | options
    return AtrousConv(
        filters,
        kernel_size,
        style=style,
        kernel_initializer=_initializer(),
        name=name.replace("/", "_"),
        **options,
    )


def _initializer() -> keras.initializers.Initializer:
    """Returns the initializer of all kernels; a new one, for each keeps its seed."""
    return keras.initializers.TruncatedNormal(stddev=0.09)
