# Licensed under the Apache License, Version 2.0.
"""The network of a prediction, from a checkpoint or from any file that was exported."""

import dataclasses
import logging
import os
import pathlib
from collections.abc import Callable
from typing import Any

from deeplab_tf.cli import crf_flags, flags
from deeplab_tf.cli.class_names import find_dataset, given_dataset, guess_dataset
from deeplab_tf.config.dense_crf import DenseCRFConfig

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint"
SAVED_MODEL = "SavedModel"
TFLITE = "TFLite file"
FROZEN_GRAPH = "frozen graph"

# Files of other programs, which somebody may try.
_OTHER_ENDINGS = (".h5", ".onnx", ".safetensors")
# Flags that change a network or what surrounds it: in an export both are fixed.
_FIXED_IN_EXPORTS = (
    "add_flipped_images",
    "crop_size",
    "inference_scales",
    "min_resize_value",
    "max_resize_value",
    "num_classes",
    "pad_to_crop",
    "prediction_with_upsampled_logits",
    "recipe",
    "use_moving_averages",
)
# What is known of an export without `network.json`.
_DEFAULT_CROP = (513, 513)
_DEFAULT_PADDING = (127.5, 127.5, 127.5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnyNetwork:
    """A network that predicts images, wherever it came from.

    Attributes:
        text: what it is, for people.
        dataset: names and colours of its classes.
        whole: predictor of whole images, which pads small ones.
        open_tiles: returns the predictor of tiles.
        blend: whether that gives probabilities, or labels alone.
        crop_size: (height, width) that it was trained or made for.
        padding_pixel: RGB in 0..255.
        output_stride: input size over size of the features; None: nobody knows.
        image_size: how images are resized before all else, by `inference.fit_to_crop`.
        fixed_size: (height, width) to which larger images are made smaller; None: they
            run at their own size.
        resizes: whether images are resized inside, so that tiles make no sense.
        crf: what refines the probabilities after all else; None: nothing.
    """

    text: str
    dataset: Any
    whole: Any
    open_tiles: Callable[[], Any]
    blend: bool
    crop_size: tuple[int, int]
    padding_pixel: tuple[float, ...]
    output_stride: int | None
    image_size: Any
    fixed_size: tuple[int, int] | None = None
    resizes: bool = False
    crf: DenseCRFConfig | None = None


def find_format(path: str | os.PathLike[str]) -> tuple[str, pathlib.Path]:
    """Returns what lies at a path, and where: an export may lie in a folder there.

    Of a folder that holds several, as export_model.py writes with several formats, a
    checkpoint is taken first, then a SavedModel, then a TFLite file.

    Raises:
        ValueError: it is a file of another program.
    """
    path = pathlib.Path(path)
    if path.name == "saved_model.pb":
        path = path.parent
    if path.is_file():
        return _file_format(path), path
    if not path.is_dir():
        return CHECKPOINT, path
    if (path / "saved_model.pb").is_file():
        return SAVED_MODEL, path
    if (path / "checkpoint").is_file() or any(path.glob("*.index")):
        return CHECKPOINT, path
    inner = path / "saved_model"
    if (inner / "saved_model.pb").is_file():
        log.info("Of %s, %s is taken.", path, inner)
        return SAVED_MODEL, inner
    for format_, ending in ((TFLITE, ".tflite"), (FROZEN_GRAPH, ".pb")):
        files = sorted(path.glob(f"*{ending}"))
        if len(files) == 1:
            return format_, files[0]
    return CHECKPOINT, path


def _file_format(path: pathlib.Path) -> str:
    if path.suffix in _OTHER_ENDINGS:
        raise ValueError(
            f"--checkpoint_path={path}: {path.suffix} files hold no network that "
            "predicts here; expected a TensorFlow checkpoint (prefix, folder or "
            "archive), a SavedModel, a TFLite file, a frozen graph, or a .keras or "
            ".pth file."
        )
    if path.suffix == ".tflite":
        return TFLITE
    return FROZEN_GRAPH if path.suffix == ".pb" else CHECKPOINT


def open_any(path: str | os.PathLike[str]) -> AnyNetwork:
    """Returns the network at a path, whatever that is.

    Raises:
        ValueError: nothing there can be read as a network, or flags do not fit it.
        OSError: it cannot be read.
    """
    format_, found = find_format(path)
    if format_ == CHECKPOINT:
        return _open_checkpoint(path)
    for name in sorted({*_FIXED_IN_EXPORTS, *flags.MODEL_FLAGS}):
        if flags.is_given(name):
            raise ValueError(
                f"--{name} was fixed when {found} was exported: leave it out, or give "
                "the checkpoint."
            )
    return _open_export(found, format_)


def _open_checkpoint(path: str | os.PathLike[str]) -> AnyNetwork:
    from deeplab_tf.cli.network import open_network
    from deeplab_tf.cli.prediction_flags import (
        evaluation_from_flags,
        image_size_from_flags,
    )
    from deeplab_tf.inference.build_predictor import build_predictor

    given = given_dataset(None)
    with open_network(
        path,
        num_classes=None if given is None else given.num_classes,
        use_moving_averages=flags.FLAGS.use_moving_averages,
    ) as network:
        config = network.config
        evaluation = evaluation_from_flags(network.recipe)
        image_size = image_size_from_flags(network.recipe)
        predict = build_predictor(
            network.model, config, dataclasses.replace(evaluation, crf=None)
        )
        dataset = find_dataset(
            network.recipe,
            folder=pathlib.Path(network.prefix).parent,
            num_classes=config.num_classes,
        )
    return AnyNetwork(
        text=str(network.report),
        dataset=dataset or guess_dataset(config.num_classes),
        whole=predict,
        open_tiles=lambda: predict,
        blend=True,
        crop_size=evaluation.crop_size,
        padding_pixel=config.backbone.padding_pixel,
        output_stride=config.backbone.output_stride,
        image_size=image_size,
        crf=evaluation.crf,
    )


def _open_export(path: pathlib.Path, format_: str) -> AnyNetwork:
    from deeplab_tf.export.network_json import read_network_json
    from deeplab_tf.inference import saved_model_predictor, tflite_predictor
    from deeplab_tf.inference.build_predictor import ImageSize

    info = read_network_json(path)
    num_classes = None if info is None else info.num_classes
    padding_pixel = _DEFAULT_PADDING if info is None else info.padding_pixel
    crf = crf_flags.config_for_export(path, info)
    fixed_size = None
    blend = False
    if format_ == TFLITE:
        predict = tflite_predictor.tflite_predictor(path, padding_pixel=padding_pixel)
        fixed_size = tflite_predictor.input_size(path)
    elif format_ == FROZEN_GRAPH:
        predict = saved_model_predictor.frozen_graph_predictor(path)
    else:
        blend = saved_model_predictor.has_probabilities(path)
        predict = saved_model_predictor.saved_model_predictor(
            path, with_probabilities=blend and crf is not None
        )
    if crf is not None and not blend:
        raise ValueError(
            f"--crf refines probabilities, and {path} gives labels alone: give the "
            "checkpoint, or a SavedModel of export_model.py."
        )

    def open_tiles() -> Any:
        if not blend:
            return predict
        return saved_model_predictor.saved_model_predictor(
            path, with_probabilities=True
        )

    return AnyNetwork(
        text=f"{format_}: {path}",
        dataset=given_dataset(num_classes)
        or _exported_dataset(info)
        or guess_dataset(num_classes),
        whole=predict,
        open_tiles=open_tiles,
        blend=blend,
        crop_size=fixed_size or (_DEFAULT_CROP if info is None else info.crop_size),
        padding_pixel=padding_pixel,
        output_stride=None if info is None else info.output_stride,
        image_size=ImageSize(),
        fixed_size=fixed_size,
        resizes=info is not None and info.resizes,
        crf=crf,
    )


def _exported_dataset(info: Any) -> Any:
    """Returns the classes that `network.json` names, or None."""
    from deeplab_tf.data.catalog import DatasetInfo

    if info is None or not info.classes:
        return None
    return DatasetInfo(
        name=info.dataset,
        classes=info.classes,
        palette=info.palette,
        ignore_label=255,
        splits={},
        has_background=info.has_background,
    )
