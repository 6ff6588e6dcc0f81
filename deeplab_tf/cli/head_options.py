# Licensed under the Apache License, Version 2.0.
"""The original's flat options of heads to and from our configurations."""

import dataclasses
import json
import logging
import pathlib
from collections.abc import Mapping
from typing import Any

from deeplab_tf.config.aspp import (
    ASPPConfig,
    ClassifierConfig,
    DecoderConfig,
    FullyConnectedClassifierConfig,
)
from deeplab_tf.config.dense_prediction_cell import (
    CELLS,
    CellBranch,
    DensePredictionCellConfig,
    format_cell,
    parse_cell,
)
from deeplab_tf.config.image_pyramid import ImagePyramidConfig
from deeplab_tf.config.recipe import ModelConfig

log = logging.getLogger(__name__)

# The original's name of a merge -> ours.
_MERGES = {"max": "max", "avg": "average"}

# The defaults of research/deeplab.
DEFAULTS: dict[str, Any] = {
    "atrous_rates": None,
    "add_image_level_feature": True,
    "image_pooling_crop_size": None,
    "image_pooling_stride": (1, 1),
    "aspp_with_batch_norm": True,
    "aspp_with_separable_conv": True,
    "aspp_with_concat_projection": True,
    "aspp_with_squeeze_and_excitation": False,
    "aspp_convs_filters": 256,
    "image_se_uses_qsigmoid": False,
    "dense_prediction_cell_json": None,
    "decoder_output_stride": None,
    "decoder_use_separable_conv": True,
    "decoder_use_sum_merge": False,
    "decoder_filters": 256,
    "decoder_output_is_logits": False,
    "logits_kernel_size": 1,
    "image_pyramid": None,
    "merge_method": "max",
}


def read_cell(text: str) -> tuple[CellBranch, ...] | None:
    """Returns the branches of a dense prediction cell.

    Args:
        text: path of a JSON file as research/deeplab has them, or the name of one of
            its cells, which needs no file; "" is none.

    Raises:
        ValueError: there is no such file or cell, or it cannot be read as one.
    """
    if not text:
        return None
    path = pathlib.Path(text)
    if not path.is_file():
        if path.stem in CELLS:
            return CELLS[path.stem].branches
        raise ValueError(
            f"--dense_prediction_cell_json={text}: there is no such file, and no cell "
            f"of that name; known are {', '.join(CELLS)}."
        )
    try:
        return parse_cell(json.loads(path.read_text("utf-8"))).branches
    except (OSError, ValueError) as error:
        raise ValueError(
            f"--dense_prediction_cell_json={text} cannot be read as a cell: {error}"
        ) from error


def name_of_cell(branches: tuple[CellBranch, ...]) -> str:
    """Returns the name of a known cell; of another one, its branches as JSON."""
    for name, cell in CELLS.items():
        if cell.branches == branches:
            return name
    cell = DensePredictionCellConfig(branches=branches)
    return json.dumps(format_cell(cell))


def options_of_head(config: ModelConfig) -> dict[str, Any]:
    """Returns what follows the backbone as the original's options."""
    found: Any = getattr(config, "aspp", None)
    is_cell = isinstance(found, DensePredictionCellConfig)
    aspp = found
    if aspp is None or is_cell:
        aspp = ASPPConfig(atrous_rates=(), image_level_feature=is_cell)
    classifier = getattr(config, "classifier", ClassifierConfig())
    pyramid = config.image_pyramid
    merge = "max" if pyramid is None else pyramid.merge
    options = DEFAULTS | {
        "atrous_rates": aspp.atrous_rates or classifier.atrous_rates or None,
        "add_image_level_feature": aspp.image_level_feature,
        "image_pooling_crop_size": (found or aspp).image_pooling_crop_size,
        "image_pooling_stride": aspp.image_pooling_stride,
        "aspp_with_batch_norm": found is not None,
        "aspp_with_separable_conv": aspp.separable,
        "aspp_with_concat_projection": aspp.concat_projection,
        "aspp_with_squeeze_and_excitation": aspp.image_gate != "none",
        "aspp_convs_filters": aspp.filters,
        "image_se_uses_qsigmoid": aspp.image_gate == "q_sigmoid",
        "dense_prediction_cell_json": found.branches if is_cell else None,
        "logits_kernel_size": classifier.kernel_size,
        "image_pyramid": None if pyramid is None else pyramid.scales,
        "merge_method": next(k for k, v in _MERGES.items() if v == merge),
    }
    decoder = getattr(config, "decoder", None)
    if decoder is not None:
        options |= {
            "decoder_output_stride": decoder.output_strides,
            "decoder_use_separable_conv": decoder.separable,
            "decoder_use_sum_merge": decoder.merge == "sum",
            "decoder_filters": decoder.filters,
            "decoder_output_is_logits": decoder.output_is_logits,
        }
    return options


def pyramid_from_options(
    options: Mapping[str, Any], base: ImagePyramidConfig
) -> ImagePyramidConfig | None:
    """Returns the image pyramid, or None where there is none."""
    scales = tuple(options["image_pyramid"] or ())
    if scales in ((), (1.0,)):
        return None
    merge = _MERGES[options["merge_method"]]
    return dataclasses.replace(base, scales=scales, merge=merge)


def check_head_is_kept(options: Mapping[str, Any], config: ModelConfig) -> None:
    """Raises ValueError if an option would give another head to DeepLab v1."""
    for name, value in options_of_head(config).items():
        if options[name] != value:
            raise ValueError(
                f"--{name}={options[name]} is no option of DeepLab v1: leave it out."
            )


def classifier_from_options(
    options: Mapping[str, Any], base: ClassifierConfig
) -> ClassifierConfig:
    """Returns the classifier: behind an ASPP it is 1x1, as in the original.

    Args:
        options: the original's.
        base: what holds where there is no option.

    Raises:
        ValueError: a larger kernel is asked for where there are no rates for it, or
            VGG-16's ASPP is to be another head.
    """
    rates = () if options["aspp_with_batch_norm"] else options["atrous_rates"] or ()
    kernel_size = options["logits_kernel_size"]
    if kernel_size != 1 and not rates:
        raise ValueError(
            f"--logits_kernel_size={kernel_size} is for a network whose logits have "
            "atrous rates: give --atrous_rates and --aspp_with_batch_norm=false, or "
            "leave it at 1."
        )
    if isinstance(base, FullyConnectedClassifierConfig):
        if options["aspp_with_batch_norm"] or options["decoder_output_stride"]:
            raise ValueError(
                "VGG-16's ASPP, whose branches have an fc6 and an fc7, goes with "
                "neither --aspp_with_batch_norm nor --decoder_output_stride."
            )
        return dataclasses.replace(
            base, kernel_size=kernel_size, atrous_rates=tuple(rates)
        )
    return ClassifierConfig(kernel_size=kernel_size, atrous_rates=tuple(rates))


def aspp_from_options(
    options: Mapping[str, Any], base: ASPPConfig | DensePredictionCellConfig | None
) -> ASPPConfig | DensePredictionCellConfig | None:
    """Returns the pyramid or the cell, or None where neither is built.

    Args:
        options: the original's.
        base: what holds where there is no option.
    """
    if not options["aspp_with_batch_norm"]:
        return None
    crop_size = options["image_pooling_crop_size"]
    crop_size = None if crop_size is None else tuple(crop_size)
    branches = options["dense_prediction_cell_json"]
    if branches is not None:
        if options["atrous_rates"]:
            log.warning(
                "--atrous_rates has no effect beside --dense_prediction_cell_json, "
                "which has rates of its own."
            )
        changes = {"branches": branches, "image_pooling_crop_size": crop_size}
        if isinstance(base, DensePredictionCellConfig):
            return dataclasses.replace(base, **changes)
        return DensePredictionCellConfig(**changes)
    gate = "none"
    if options["aspp_with_squeeze_and_excitation"]:
        gate = "q_sigmoid" if options["image_se_uses_qsigmoid"] else "sigmoid"
    return dataclasses.replace(
        base if isinstance(base, ASPPConfig) else ASPPConfig(),
        filters=options["aspp_convs_filters"],
        atrous_rates=tuple(options["atrous_rates"] or ()),
        separable=options["aspp_with_separable_conv"],
        image_level_feature=options["add_image_level_feature"],
        image_pooling_crop_size=crop_size,
        image_pooling_stride=tuple(options["image_pooling_stride"]),
        concat_projection=options["aspp_with_concat_projection"],
        image_gate=gate,
    )


def decoder_from_options(
    options: Mapping[str, Any], base: DecoderConfig
) -> DecoderConfig | None:
    """Returns the decoder, or None where there is none.

    Args:
        options: the original's.
        base: what holds where there is no option.
    """
    strides = tuple(options["decoder_output_stride"] or ())
    if not strides:
        if options["decoder_output_is_logits"]:
            raise ValueError(
                "--decoder_output_is_logits needs a decoder: give "
                "--decoder_output_stride too."
            )
        return None
    return dataclasses.replace(
        base,
        output_strides=strides,
        filters=options["decoder_filters"],
        separable=options["decoder_use_separable_conv"],
        merge="sum" if options["decoder_use_sum_merge"] else "concat",
        output_is_logits=options["decoder_output_is_logits"],
    )
