# Licensed under the Apache License, Version 2.0.
"""Networks of searched cells: PNASNet-5, and Auto-DeepLab's with its path of strides.

Reference: PNASNet (arXiv:1712.00559); Auto-DeepLab (arXiv:1901.02985), figure 3;
research/deeplab/core/nas_network.py for stem, names and classification head.
"""

from typing import Any

import keras

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.nas_cells import (
    HNASNET_CELL,
    PNASNET_CELL,
    Cell,
    FeatureMap,
    nas_initializer,
)
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.nasnet import NASNetConfig
from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.input_scaling import InputScaling
from deeplab_tf.layers.resize_like import ResizeLike

CELLS = {"pnasnet": PNASNET_CELL, "hnasnet": HNASNET_CELL}

# Level of each cell: 0 is stride 4, 1 is 8, 2 is 16, 3 is 32.
HNASNET_LEVELS = (0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1)
# Output stride -> the same.
PNASNET_LEVELS = {
    8: (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
    16: (1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2),
    32: (1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3),
}
_LEVEL_OF_STRIDE_32 = 3
_STRIDE_OF_LEVEL_0 = 4

# Sums that no activation follows.
TAPS = {
    "pnasnet": {4: "Stem", 8: "Cell_3", 16: "Cell_7"},
    "hnasnet": {4: "Cell_2", 8: "Cell_5", 16: "Cell_7"},
}

# Stride -> channels of the convolution that leads the classification head there.
HEAD_CHANNELS = {16: 512, 32: 1024}
LAST_HEAD_CHANNELS = 2048


def build_nasnet(config: NASNetConfig, style: ConvStyle) -> Backbone:
    """Builds a network of cells up to its last output, which is rectified.

    Args:
        config: cells, width, strides, drop path and head.
        style: norm, activation and padding.

    Returns:
        Endpoints Stem and Cell_0 to Cell_11; with a classification head also
        downsample_os16 and downsample_os32, as far as they are needed, and
        classification_head. None of them is rectified; the features are.
    """
    images = keras.Input((None, None, 3), name="image")
    x = InputScaling(name="input_scaling")(images)
    older, current = _stem(x, style=style)
    endpoints, strides = {"Stem": current.x}, {"Stem": _STRIDE_OF_LEVEL_0}
    levels = levels_of(config)
    level_before = 0
    for i, level in enumerate(levels):
        at_removed = config.remove_os32_stride and _LEVEL_OF_STRIDE_32 in (
            level,
            level_before,
        )
        previous, older = older, current
        if level < level_before and not at_removed:
            current = _double(current, f"cell_{i}")
        cell = Cell(
            name=f"cell_{i}",
            filters=config.filters * 2**level,
            stride=2 if level > level_before and not at_removed else 1,
            style=style,
            drop_path=_drop_path(config, style, (i + 1) / len(levels)),
        )
        current = cell.build(CELLS[config.network], current, previous)
        endpoints[f"Cell_{i}"] = current.x
        strides[f"Cell_{i}"] = _nominal_stride(current)
        level_before = level
    if config.classification_head:
        stride = _STRIDE_OF_LEVEL_0 * 2**level_before
        head = _classification_head(current, config, style, stride)
        for name, features in head.items():
            endpoints[name], strides[name] = features.x, _nominal_stride(features)
        current = head["classification_head"]
    last = _rectify(current.x, style=style, name="features_relu")
    return Backbone(
        input=images,
        endpoints=endpoints,
        strides=strides,
        features=last,
        taps={"research_deeplab": TAPS[config.network]},
        has_regular_size=current.grid == _grid_of_stride(config.output_stride),
    )


def levels_of(config: NASNetConfig) -> tuple[int, ...]:
    """Returns the level of each cell of a network."""
    if config.network == "hnasnet":
        return HNASNET_LEVELS
    return PNASNET_LEVELS[config.output_stride]


def _stem(x, *, style: ConvStyle) -> tuple[FeatureMap, FeatureMap]:
    """Returns the last two of three convolutions, not rectified."""
    x = _conv("conv0", 64, 3, style=style, stride=2, activation=style.activation)(x)
    x = _conv("conv1", 64, 3, style=style)(x)
    second = FeatureMap(x, "d")
    x = _rectify(x, style=style, name="conv1_relu")
    x = _conv("conv2", 128, 3, style=style, stride=2)(x)
    return second, FeatureMap(x, second.halved_grid)


def _double(current: FeatureMap, name: str) -> FeatureMap:
    """Returns features at half the stride."""
    resize = ResizeLike(scale=2.0, name=f"{name}_upsample")
    return FeatureMap(resize([current.x, current.x]), current.doubled_grid)


def _drop_path(
    config: NASNetConfig, style: ConvStyle, depth_fraction: float
) -> dict[str, Any] | None:
    """Returns the options of a cell's drop path, or None if it has none."""
    # The original's drop path looks at the same is_training as its batch norm, which
    # is False where that is not fine-tuned.
    if config.drop_path_keep_prob == 1 or not style.train_norm:
        return None
    return {
        "keep_prob": config.drop_path_keep_prob,
        "depth_fraction": depth_fraction,
        "ramp_calls": config.drop_path_steps,
    }


def _classification_head(
    current: FeatureMap, config: NASNetConfig, style: ConvStyle, stride: int
) -> dict[str, FeatureMap]:
    """Returns the convolutions that lead to stride 32 and 2048 channels, by name.

    Those beyond the output stride stay there, at a rate: the first one too, unlike
    what a backbone does elsewhere.

    Args:
        current: features of the last cell.
        config: output stride.
        style: norm, activation and padding.
        stride: of the last cell, as its level says.
    """
    rate, head = 1, {}
    for target, channels in HEAD_CHANNELS.items():
        if target <= stride:
            continue
        reaches = target <= config.output_stride
        rate = rate if reaches else rate * 2
        name = f"downsample_os{target}"
        x = _rectify(current.x, style=style, name=f"{name}_relu")
        x = _conv(
            name,
            channels,
            3,
            style=style,
            stride=2 if reaches else 1,
            rate=rate,
        )(x)
        current = FeatureMap(x, current.halved_grid if reaches else current.grid)
        head[name] = current
    x = _rectify(current.x, style=style, name="classification_head_relu")
    x = _conv("classification_head", LAST_HEAD_CHANNELS, 1, style=style)(x)
    return head | {"classification_head": FeatureMap(x, current.grid)}


def _nominal_stride(features: FeatureMap) -> int:
    return 2 ** (features.grid.count("d") - features.grid.count("u"))


def _grid_of_stride(stride: int) -> str:
    """Returns the grid of features that have only been halved."""
    return "d" * (stride.bit_length() - 1)


def _conv(name: str, filters: int, kernel_size: int, *, style: ConvStyle, **options):
    return AtrousConv(
        filters,
        kernel_size,
        style=style,
        kernel_initializer=nas_initializer(),
        name=name,
        **options,
    )


def _rectify(x, *, style: ConvStyle, name: str):
    return keras.layers.Activation(style.activation, name=name)(x)
