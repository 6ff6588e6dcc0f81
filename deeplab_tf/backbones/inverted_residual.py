# Licensed under the Apache License, Version 2.0.
"""Inverted residuals: what the MobileNets from V2 on are made of.

Reference: MobileNetV2 (arXiv:1801.04381), section 3.3; MobileNetV3
(arXiv:1905.02244), section 5; slim's nets/mobilenet/mobilenet.py and conv_blocks.py
for rounding, names and the place of the stride.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from deeplab_tf.backbones.atrous_schedule import AtrousSchedule
from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.layers.atrous_conv import AtrousConv, AtrousDepthwiseConv
from deeplab_tf.layers.input_scaling import build_input_scaling
from deeplab_tf.layers.squeeze_excite import SqueezeExcite


@dataclasses.dataclass(frozen=True)
class Block:
    """One inverted residual.

    Attributes:
        expansion: inner channels over those of the input; 1 has no expansion.
        channels: of the output.
        stride: of the depthwise convolution, or of the fused one.
        kernel_size: of the same.
        activation: of expansion and depthwise convolution; None is the style's.
        squeeze_excite: whether a gate follows the depthwise convolution.
        fused: whether expansion and depthwise convolution are one dense convolution.
        residual: whether input and output are summed where their shapes are equal.
    """

    expansion: float
    channels: int
    stride: int = 1
    kernel_size: int = 3
    activation: str | None = None
    squeeze_excite: bool = False
    fused: bool = False
    residual: bool = True


def build_inverted_residuals(
    blocks: Sequence[Block],
    *,
    stem_channels: int,
    last_channels: int | None = None,
    activation: str | None = None,
    scale: Callable[[int], int],
    output_stride: int,
    style: ConvStyle,
    taps: Mapping[str, Mapping[int, str]],
    input_scaling: PixelScaling | None = None,
    blocks_pad: bool = False,
    gate: str = "q_sigmoid",
    early_rates: bool = False,
) -> Backbone:
    """Builds a 3x3 convolution, inverted residuals and perhaps a 1x1 convolution.

    Args:
        blocks: expanded_conv, expanded_conv_1 and so on.
        stem_channels: of the first convolution.
        last_channels: of the convolution behind the blocks; None has none.
        activation: of these two convolutions; None is the style's.
        scale: turns channels of a table into those of the network's width;
            `last_channels` are taken as they are.
        output_stride: stride at which the features stop shrinking.
        style: norm, activation and padding.
        taps: of the backbone.
        input_scaling: None scales to [-1, 1].
        blocks_pad: whether each block pads its input, and convolutions nothing.
        gate: of squeeze-and-excitation.
        early_rates: whether the convolution that gives up its stride has the rate of
            those behind it.

    Returns:
        Endpoints layer_1, layer_2, ..., one for each convolution outside and each
        block, and layer_<n>/expansion_output and layer_<n>/depthwise_output (before
        the gate) inside the blocks that have them.
    """
    images = keras.Input((None, None, 3), name="image")
    schedule = AtrousSchedule(output_stride)
    endpoints, strides = {}, {}
    if blocks_pad:
        style = dataclasses.replace(style, padding="none")
    outside = {"style": style, "activation": activation or style.activation}

    x = build_input_scaling(input_scaling)(images)
    stride, _ = schedule.step(2)
    x = _conv("conv", scale(stem_channels), 3, stride=stride, **outside)(x)
    endpoints["layer_1"], strides["layer_1"] = x, schedule.stride
    for i, block in enumerate(blocks):
        before = schedule.stride
        stride, rate = schedule.step(block.stride)
        if early_rates:
            _, rate = schedule.step(1)
        parts = _inverted_residual(
            x,
            f"expanded_conv_{i}" if i else "expanded_conv",
            block,
            channels=scale(block.channels),
            stride=stride,
            rate=rate,
            gate=gate,
            style=style,
        )
        for part, x in parts.items():
            is_early = part == "/expansion_output" and not block.fused
            endpoints[f"layer_{i + 2}{part}"] = x
            strides[f"layer_{i + 2}{part}"] = before if is_early else schedule.stride
    if last_channels is not None:
        x = _conv("conv_1", last_channels, 1, **outside)(x)
        layer = f"layer_{len(blocks) + 2}"
        endpoints[layer], strides[layer] = x, schedule.stride
    return Backbone(
        input=images, endpoints=endpoints, strides=strides, features=x, taps=taps
    )


def make_divisible(value: float, divisor: int, minimum: int | None = None) -> int:
    """Rounds to a multiple of `divisor`, never down by more than a tenth."""
    rounded = int(value + divisor / 2) // divisor * divisor
    rounded = max(divisor if minimum is None else minimum, rounded)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _inverted_residual(
    x,
    name: str,
    block: Block,
    *,
    channels: int,
    stride: int,
    rate: int,
    gate: str,
    style: ConvStyle,
) -> dict:
    """Returns the endpoints of a block; the last is its output."""
    parts, shortcut = {}, x
    kernel = block.kernel_size
    activation = block.activation or style.activation
    inside: dict[str, Any] = {"style": style, "activation": activation}
    spatial: dict[str, Any] = {"stride": stride, "rate": rate}
    if style.padding == "none":
        margin = kernel // 2 * rate
        x = keras.layers.ZeroPadding2D(margin, name=f"{name}_padding")(x)
    if block.expansion > 1:
        inner = make_divisible(shortcut.shape[-1] * block.expansion, 8)
        if block.fused:
            x = _conv(f"{name}_expand", inner, kernel, **spatial, **inside)(x)
        else:
            x = _conv(f"{name}_expand", inner, 1, **inside)(x)
        parts["/expansion_output"] = x
    if not block.fused:
        x = AtrousDepthwiseConv(
            kernel,
            kernel_initializer=_initializer(),
            name=f"{name}_depthwise",
            **spatial,
            **inside,
        )(x)
        parts["/depthwise_output"] = x
    if block.squeeze_excite:
        x = SqueezeExcite(
            make_divisible(x.shape[-1] / 4, 8),
            style=style,
            gate=gate,
            kernel_initializer=_initializer(),
            name=f"{name}_squeeze_excite",
        )(x)
    x = _conv(f"{name}_project", channels, 1, style=style)(x)
    # slim asks for the stride that the block really has, not for the table's.
    if block.residual and stride == 1 and channels == shortcut.shape[-1]:
        x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return parts | {"": x}


def _conv(name: str, channels: int, kernel_size: int, **options) -> AtrousConv:
    return AtrousConv(
        channels,
        kernel_size,
        kernel_initializer=_initializer(),
        name=name,
        **options,
    )


def _initializer() -> keras.initializers.Initializer:
    """Returns the initializer of all kernels: slim's training_scope has 0.09."""
    return keras.initializers.TruncatedNormal(stddev=0.09)
