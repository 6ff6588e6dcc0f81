# Licensed under the Apache License, Version 2.0.
"""What research/deeplab's flags must have been, by the tensors of a checkpoint."""

import re
from collections.abc import Mapping
from typing import Any

from deeplab_tf.checkpoints.slim_names import LOGITS_BIAS, find_scope

Shapes = Mapping[str, tuple[int, ...]]

# Scope -> a layer whose channels tell the depth multiplier, and these at 1.
_WIDTHS = {
    "MobilenetV2": ("expanded_conv_16/project", 320),
    "MobilenetEdgeTPU": ("expanded_conv_21/project", 192),
}
# Layers of MobileNetV2 that show whether channels are multiples of 8, and theirs at 1.
_V2_LAYERS = (("expanded_conv_1", 24), ("expanded_conv_6", 64))
# MobileNetV3: a block that no variant narrows and one that they do, channels at 1.
_LARGE_V3 = ("expanded_conv_11/project", 112, "expanded_conv_14/project", 160)
_SMALL_V3 = ("expanded_conv_7/project", 48, "expanded_conv_10/project", 96)
_MULTIPLIERS = (0.25, 0.35, 0.5, 0.75, 1.0, 1.3, 1.4)

# Variant's beginning -> channels that a decoder reads -> stride; at a width of 1.
_TAPS = {
    "mobilenet_v2": {144: 4, 192: 8, 576: 16},
    "mobilenet_v3_large": {72: 4, 120: 8, 672: 16},
    "mobilenet_v3_small": {16: 4, 88: 8, 144: 16},
    "resnet_v1_18": {64: 4, 128: 8, 256: 16},
    "resnet_v1": {256: 4, 512: 8, 1024: 16},
    "xception": {256: 4, 728: 8, 1024: 16},
}
# Distance of the rates that are published for a stride of 16; the tensors tell how
# many there are.
_RATE = 6
# Flags that take a list with commas; others of several values are repeated.
_COMMA_LISTS = (
    "decoder_output_stride",
    "image_pooling_crop_size",
    "image_pooling_stride",
)
_CELL = "dense_prediction_cell_branch5_top1_cityscapes"


def guess_options(shapes: Shapes) -> dict[str, Any]:
    """Returns the flags that differ from research/deeplab's defaults.

    Rates, output stride and what else leaves no trace in the tensors are those of the
    published networks; the strides of a decoder are a guess by the channels it reads.

    Args:
        shapes: name -> shape of a checkpoint of research/deeplab.

    Returns:
        Flag -> value; empty where the tensors have no backbone that is known.
    """
    scope = find_scope(shapes)
    if scope is None:
        return {}
    options = _backbone(shapes, scope)
    options |= _aspp(shapes) | _decoder(shapes, options)
    classes = _last(shapes, LOGITS_BIAS.removesuffix("/biases"), default=21)
    if options.get("decoder_output_is_logits"):
        classes = options["decoder_filters"]
    if classes != 21:
        options["num_classes"] = classes
    return options


def format_options(options: Mapping[str, Any]) -> str:
    """Returns options as they stand on a command line."""
    words = []
    for name, value in options.items():
        if name in _COMMA_LISTS:
            words.append(f"--{name}={','.join(map(str, value))}")
        elif isinstance(value, tuple):
            words += [f"--{name}={item}" for item in value]
        else:
            text = str(value).lower() if isinstance(value, bool) else value
            words.append(f"--{name}={text}")
    return " ".join(words)


def _last(shapes: Shapes, scope: str, *, default: int = 0) -> int:
    """Returns the output channels of a convolution; of none, the default."""
    for leaf in ("weights", "biases"):
        if f"{scope}/{leaf}" in shapes:
            return shapes[f"{scope}/{leaf}"][-1]
    return default


def _has(shapes: Shapes, pattern: str) -> bool:
    return any(re.search(pattern, name) for name in shapes)


def _backbone(shapes: Shapes, scope: str) -> dict[str, Any]:
    if scope in ("pnasnet", "hnasnet"):
        return _nas(shapes, scope)
    if scope == "MobilenetV3":
        return _mobilenet_v3(shapes)
    if scope in _WIDTHS:
        layer, channels = _WIDTHS[scope]
        variant = "mobilenet_v2" if scope == "MobilenetV2" else "mobilenet_edgetpu"
        multiplier = _nearest(_last(shapes, f"{scope}/{layer}") / channels)
        options = {"model_variant": variant} | _multiplier(multiplier)
        exact = (
            _last(shapes, f"{scope}/{layer}/project") == int(full * multiplier + 0.5)
            for layer, full in _V2_LAYERS
        )
        if scope == "MobilenetV2" and not all(exact):
            options["divisible_by"] = 8
        return options
    beta = "_beta" if f"{scope}/conv1_1/weights" in shapes else ""
    return {"model_variant": scope + beta}


def _nas(shapes: Shapes, scope: str) -> dict[str, Any]:
    """Returns the options of a NAS network, whose cells get wider with the stride."""
    options: dict[str, Any] = {"model_variant": f"nas_{scope}"}
    filters = _last(shapes, f"{scope}/cell_0/1x1")
    if scope == "pnasnet":
        # Its first cell is twice as wide, and its last one 2, 4 or 8 times.
        filters //= 2
        widest = _last(shapes, f"{scope}/cell_11/1x1") // max(filters, 1)
        if (stride := 4 * widest) != 16:
            options["output_stride"] = stride
    if filters != 20:
        options["nas_stem_output_num_conv_filters"] = filters
    if _has(shapes, f"^{scope}/classification_head"):
        options["nas_use_classification_head"] = True
    return options


def _mobilenet_v3(shapes: Shapes) -> dict[str, Any]:
    is_large = "MobilenetV3/expanded_conv_14/project/weights" in shapes
    layer, channels, last_layer, last = _LARGE_V3 if is_large else _SMALL_V3
    multiplier = _nearest(_last(shapes, f"MobilenetV3/{layer}") / channels)
    found = _last(shapes, f"MobilenetV3/{last_layer}") / multiplier
    suffix = "_seg" if found < 0.75 * last else ""
    size = "large" if is_large else "small"
    options = {"model_variant": f"mobilenet_v3_{size}{suffix}"}
    return options | _multiplier(multiplier)


def _nearest(ratio: float) -> float:
    return min(_MULTIPLIERS, key=lambda multiplier: abs(multiplier - ratio))


def _multiplier(multiplier: float) -> dict[str, Any]:
    return {} if multiplier == 1 else {"depth_multiplier": multiplier}


def _aspp(shapes: Shapes) -> dict[str, Any]:
    if _has(shapes, "^meta_architecture/"):
        options: dict[str, Any] = {"dense_prediction_cell_json": _CELL}
        cells = {n.partition("/")[0] for n in shapes if n.startswith("meta_arch")}
        if len(cells) > 1:
            # One for each scale, of which the tensors say nothing else.
            scales = (0.5 + 0.25 * i for i in range(len(cells)))
            options["image_pyramid"] = tuple(scales)
        return options
    if "aspp0/weights" not in shapes:
        options = {"aspp_with_batch_norm": False}
        others = sum(
            bool(re.search(r"^logits/semantic_\d+/weights", n)) for n in shapes
        )
        kernel_size = shapes.get("logits/semantic/weights", (1,))[0]
        if others or kernel_size != 1:
            options["atrous_rates"] = _rates(others + 1)
        if kernel_size != 1:
            options["logits_kernel_size"] = kernel_size
        return options
    options = {}
    branches = {m[1] for n in shapes if (m := re.match(r"aspp([1-9]\d*)[_/]", n))}
    if branches:
        options["atrous_rates"] = _rates(len(branches))
        if not _has(shapes, "^aspp1_depthwise/"):
            options["aspp_with_separable_conv"] = False
    if not _has(shapes, "^image_pooling/"):
        options["add_image_level_feature"] = False
    if "image_pooling/biases" in shapes:
        options["aspp_with_squeeze_and_excitation"] = True
    if not _has(shapes, "^concat_projection/"):
        options["aspp_with_concat_projection"] = False
    if (filters := _last(shapes, "aspp0")) != 256:
        options["aspp_convs_filters"] = filters
    return options


def _rates(number: int) -> tuple[int, ...]:
    return tuple(_RATE * (i + 1) for i in range(number))


def _decoder(shapes: Shapes, backbone: Mapping[str, Any]) -> dict[str, Any]:
    projections = sorted(
        name
        for name in shapes
        if re.fullmatch(r"decoder/feature_projection0(_\d+)?/weights", name)
    )
    if not projections:
        return {}
    variant = backbone["model_variant"]
    taps = next((t for start, t in _TAPS.items() if variant.startswith(start)), {16: 4})
    width = backbone.get("depth_multiplier", 1.0)
    strides = []
    for name in projections:
        channels = shapes[name][-2] / width
        strides.append(taps[min(taps, key=lambda found: abs(found - channels))])
    options: dict[str, Any] = {"decoder_output_stride": tuple(strides)}
    filters = _last(shapes, "decoder/feature_projection0")
    if "decoder/feature_projection0/biases" in shapes:
        options["decoder_output_is_logits"] = True
    is_separable = _has(shapes, "^decoder/.*_depthwise/")
    if not is_separable and "decoder_output_is_logits" not in options:
        options["decoder_use_separable_conv"] = False
    if not _has(shapes, r"^decoder/decoder_conv(1|0(_\d+)?/decoder_conv0)"):
        options["decoder_use_sum_merge"] = True
    else:
        ends = ("decoder_conv1_pointwise", "decoder_conv0/decoder_conv0_2")
        filters = max(_last(shapes, f"decoder/{end}") for end in ends)
    if filters != 256:
        options["decoder_filters"] = filters
    return options
