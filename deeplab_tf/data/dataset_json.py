# Licensed under the Apache License, Version 2.0.
"""`dataset.json` beside records: what the data set is, without any flag."""

import json
import os
import pathlib
from typing import Any

from deeplab_tf.data import text_files
from deeplab_tf.data.catalog import get_dataset_info
from deeplab_tf.data.catalog.dataset_info import DatasetInfo
from deeplab_tf.data.label_audit import LabelFrequencies

FILE_NAME = "dataset.json"
VERSION = 1


def load_dataset_info(
    data_dir: str | os.PathLike | None, *, default_name: str | None = None
) -> DatasetInfo:
    """Returns what `dataset.json` says of the records, else the catalogue.

    Args:
        data_dir: folder of the records; None asks the catalogue.
        default_name: name in the catalogue, for records without `dataset.json`.

    Raises:
        ValueError: there is neither; or the file or the name is not valid.
    """
    if data_dir and (pathlib.Path(data_dir) / FILE_NAME).is_file():
        return read_dataset_json(data_dir)[0]
    if default_name is None:
        raise ValueError(
            f"{data_dir} holds no {FILE_NAME}: name the data set, or build the "
            "records with a script of datasets/, which writes the file."
        )
    return get_dataset_info(default_name)


def write_dataset_json(
    data_dir: str | os.PathLike,
    *,
    info: DatasetInfo,
    frequencies: dict[str, LabelFrequencies],
) -> None:
    """Writes `dataset.json` whole or not at all.

    Args:
        data_dir: folder of the records.
        info: the data set; its splits are replaced by those of `frequencies`.
        frequencies: of every split that has records in the folder.

    Raises:
        OSError: it could not be written; the file is named, and is as it was.
    """
    data = {
        "version": VERSION,
        "name": info.name,
        "classes": list(info.classes),
        "palette": [list(color) for color in info.palette],
        "ignore_label": info.ignore_label,
        "has_background": info.has_background,
        "image_size": list(info.image_size) if info.image_size else None,
        "source": info.source,
        "evaluation_ids": list(info.evaluation_ids),
        "splits": {
            split: {
                "num_examples": counts.num_images,
                "class_pixels": list(counts.pixels),
                "class_images": list(counts.images),
                "ignored_pixels": counts.ignored_pixels,
            }
            for split, counts in frequencies.items()
        },
    }
    path = pathlib.Path(data_dir) / FILE_NAME
    text_files.replace_text(path, json.dumps(data, indent=1) + "\n")


def read_dataset_json(
    data_dir: str | os.PathLike,
) -> tuple[DatasetInfo, dict[str, LabelFrequencies]]:
    """Returns the data set and the frequencies of its splits.

    Raises:
        FileNotFoundError: there is no `dataset.json` in the folder.
        ValueError: it is no JSON, of another version, or lacks something.
    """
    path = pathlib.Path(data_dir) / FILE_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is no valid JSON ({error}): build the records again."
        ) from error
    version = data.get("version") if isinstance(data, dict) else None
    if version != VERSION:
        raise ValueError(
            f"{path}: expected version {VERSION}, got {version!r}: build the records "
            "with this version."
        )
    try:
        return _parse(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not complete ({type(error).__name__}: {error}): build the "
            "records again."
        ) from error


def _parse(data: dict[str, Any]) -> tuple[DatasetInfo, dict[str, LabelFrequencies]]:
    """Returns what the JSON object of the file means."""
    frequencies = {
        split: LabelFrequencies(
            num_images=counts["num_examples"],
            pixels=tuple(counts["class_pixels"]),
            images=tuple(counts["class_images"]),
            ignored_pixels=counts["ignored_pixels"],
        )
        for split, counts in data["splits"].items()
    }
    size = data["image_size"]
    info = DatasetInfo(
        name=data["name"],
        classes=tuple(data["classes"]),
        palette=tuple((red, green, blue) for red, green, blue in data["palette"]),
        ignore_label=data["ignore_label"],
        splits={split: counts.num_images for split, counts in frequencies.items()},
        has_background=data["has_background"],
        image_size=(size[0], size[1]) if size else None,
        source=data["source"],
        # Files of the first version lack it.
        evaluation_ids=tuple(data.get("evaluation_ids", ())),
    )
    return info, frequencies
