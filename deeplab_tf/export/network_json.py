# Licensed under the Apache License, Version 2.0.
"""What an exported network is, as JSON with the export: classes, colours, crop."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any, Protocol

from deeplab_tf.config import serialization
from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import ModelConfig
from deeplab_tf.export.whole_file import write_whole
from deeplab_tf.inference.build_predictor import ImageSize

VERSION = 1
FILE_NAME = "network.json"
# The folder of a SavedModel for files of others, which TensorFlow leaves alone.
EXTRA_FOLDER = "assets.extra"


class ClassNames(Protocol):
    """Names and colours of classes, as of a data set of the catalogue."""

    @property
    def name(self) -> str:
        """What the data set is called."""

    @property
    def classes(self) -> Sequence[str]:
        """Names in the order of their ids."""

    @property
    def palette(self) -> Sequence[Sequence[int]]:
        """One RGB colour for each class."""

    @property
    def has_background(self) -> bool:
        """Whether class 0 is everything that is no other class."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkInfo:
    """What the user of an exported network may want to know.

    Attributes:
        num_classes: number of classes.
        dataset: what the data set of the classes is called; "" if it is not known.
        classes: names of the classes; () if they are not known.
        palette: one RGB colour for each name.
        has_background: whether class 0 is everything that is no other class.
        crop_size: (height, width) to which images are padded, or which a file takes.
        padding_pixel: RGB in 0..255 of the padding.
        output_stride: input size over size of the features.
        scales: image scales whose probabilities are averaged.
        flip: whether those of mirrored images are averaged in.
        resizes: whether the graph resizes images before all else.
        crf: the CRF in the graph, which refines what the network says; None: none.
    """

    num_classes: int
    dataset: str = ""
    classes: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()
    has_background: bool = False
    crop_size: tuple[int, int]
    padding_pixel: tuple[float, float, float]
    output_stride: int
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    resizes: bool = False
    crf: DenseCRFConfig | None = None


def describe_network(
    config: ModelConfig,
    evaluation: EvaluationConfig,
    *,
    dataset: ClassNames | None = None,
    image_size: ImageSize | None = None,
) -> NetworkInfo:
    """Returns what there is to know of a network that is exported.

    Raises:
        ValueError: the data set has another number of classes.
    """
    if dataset is not None and len(dataset.classes) != config.num_classes:
        raise ValueError(
            f"The network has {config.num_classes} classes, and data set "
            f"{dataset.name!r} has {len(dataset.classes)}: name the one it was trained "
            "for."
        )
    palette = () if dataset is None else dataset.palette
    return NetworkInfo(
        num_classes=config.num_classes,
        dataset="" if dataset is None else dataset.name,
        classes=() if dataset is None else tuple(dataset.classes),
        palette=tuple((red, green, blue) for red, green, blue in palette),
        has_background=dataset is not None and dataset.has_background,
        crop_size=evaluation.crop_size,
        padding_pixel=config.backbone.padding_pixel,
        output_stride=config.backbone.output_stride,
        scales=evaluation.scales,
        flip=evaluation.flip,
        resizes=image_size is not None and image_size.min_resize_value is not None,
        crf=evaluation.crf,
    )


def json_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns where the JSON of an exported file or folder lies.

    In a SavedModel: `assets.extra/network.json`. Beside a file: its name with
    `.network.json` behind.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        return path / EXTRA_FOLDER / FILE_NAME
    return path.with_name(f"{path.name}.{FILE_NAME}")


def write_network_json(path: str | os.PathLike, info: NetworkInfo) -> None:
    """Writes the JSON of an exported file or folder, which exists already.

    Raises:
        OSError: it could not be written; it is as it was.
    """
    data = {"version": VERSION} | dataclasses.asdict(info)
    data["crf"] = serialization.to_dict(info.crf)
    write_whole(json_path(path), (json.dumps(data, indent=1) + "\n").encode("utf-8"))


def read_network_json(path: str | os.PathLike) -> NetworkInfo | None:
    """Returns what the JSON of an exported file or folder says; None without one.

    Raises:
        ValueError: it is damaged or of another version.
    """
    source = json_path(path)
    if not source.is_file():
        return None
    try:
        data: dict[str, Any] = json.loads(source.read_text("utf-8"))
        if data.pop("version") != VERSION:
            raise ValueError("it is of another version")
        return NetworkInfo(
            **{name: serialization.from_dict(value) for name, value in data.items()}
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{source} is not valid ({error}): export the network again, or remove the "
            "file, and classes are numbered."
        ) from error
