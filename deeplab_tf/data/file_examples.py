# Licensed under the Apache License, Version 2.0.
"""An image file, and a label file if there is one, become an example of a record."""

import dataclasses
import pathlib
from collections.abc import Iterable

import numpy as np

from deeplab_tf.data import image_files, label_audit, label_files, schema
from deeplab_tf.data.catalog.dataset_info import DatasetInfo
from deeplab_tf.data.image_files import IMAGE_SUFFIXES
from deeplab_tf.data.label_files import STORED_IDS, LabelReader
from deeplab_tf.data.record_writer import EncodedExample, RecordItem
from deeplab_tf.data.split_lists import SplitList

_MAX_LISTED_IDS = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilePair:
    """The files of one example, which need not exist.

    Attributes:
        name: id of the example.
        image: path of the image.
        labels: path of the labels; None: there is no ground truth.
        named_by: the list or folder that names the example, for messages.
        notes: what a person should know already.
        read: makes ids of the label file.
    """

    name: str
    image: pathlib.Path
    labels: pathlib.Path | None
    named_by: pathlib.Path
    notes: tuple[str, ...] = ()
    read: LabelReader = STORED_IDS


def find_image(
    folder: pathlib.Path, *, name: str, first_suffix: str = ""
) -> pathlib.Path:
    """Returns the image of an id, looked up by the endings of image files.

    Args:
        folder: where to look.
        name: file name without ending.
        first_suffix: the ending to be tried first, as ".png".

    Returns:
        The first path that exists; if none does, the first that was tried.
    """
    suffixes = dict.fromkeys((first_suffix or IMAGE_SUFFIXES[0], *IMAGE_SUFFIXES))
    paths = [folder / f"{name}{suffix}" for suffix in suffixes]
    paths += [folder / f"{name}{suffix.upper()}" for suffix in suffixes]
    return next((path for path in paths if path.is_file()), paths[0])


def listed_pairs(
    entries: SplitList,
    *,
    images: pathlib.Path,
    labels: pathlib.Path,
    label_suffix: str = ".png",
    image_suffix: str = "",
    read: LabelReader = STORED_IDS,
) -> list[FilePair]:
    """Returns the files of the examples whose ids a list names.

    Args:
        entries: the list.
        images: folder of the images.
        labels: folder of the labels.
        label_suffix: ending of the label files.
        image_suffix: ending of the images that is tried first; see `find_image`.
        read: makes ids of a label file.
    """
    return [
        FilePair(
            name=name,
            image=find_image(images, name=name, first_suffix=image_suffix),
            labels=labels / f"{name}{label_suffix}",
            named_by=entries.path,
            notes=entries.notes(name),
            read=read,
        )
        for name in entries.lines
    ]


def file_items(
    pairs: Iterable[FilePair], *, info: DatasetInfo, ignore_unknown: bool = False
) -> list[RecordItem]:
    """Returns what the record writer needs for pairs of files.

    Args:
        pairs: image and labels of each example.
        info: classes and ignore label.
        ignore_unknown: whether ids outside of both become the ignore label; if not,
            they are a problem.
    """
    settings = [info.num_classes, info.ignore_label, ignore_unknown]
    return [_item(pair, info, ignore_unknown, settings) for pair in pairs]


def _item(
    pair: FilePair, info: DatasetInfo, ignore_unknown: bool, settings: list
) -> RecordItem:
    """Returns the item of one pair; its fingerprint follows from size and time."""
    stamps = [pair.name, *_stamp(pair.image), *_stamp(pair.labels), *settings]
    stamps.append(repr(pair.read))
    return RecordItem(
        fingerprint=repr(stamps),
        encode=lambda: encode_pair(pair, info=info, ignore_unknown=ignore_unknown),
    )


def _stamp(path: pathlib.Path | None) -> tuple[str, int, int]:
    """Returns path, size and time of change of a file, or that it is absent."""
    if path is None or not path.is_file():
        return (str(path), -1, -1)
    status = path.stat()
    return (str(path.resolve()), status.st_size, status.st_mtime_ns)


def encode_pair(
    pair: FilePair, *, info: DatasetInfo, ignore_unknown: bool = False
) -> EncodedExample:
    """Reads, checks and encodes an example.

    Raises:
        ValueError: a file is absent or damaged, sizes differ, or an id is unknown.
    """
    _check_exist(pair)
    frequencies = label_audit.no_frequencies(info)
    if pair.labels is None:
        image = image_files.read_image(pair.image)
        notes, encoded = [*pair.notes, *image.notes], None
        frequencies = dataclasses.replace(frequencies, num_images=1)
    else:
        labels, read_notes = pair.read(pair.labels)
        image = image_files.read_image(pair.image, label_size=labels.shape[:2])
        _check_size(labels, pair, image)
        notes = [*pair.notes, *image.notes, *read_notes]
        labels = _without_unknown(labels, pair, info, ignore_unknown, notes)
        encoded = label_files.encode_labels(labels)
        frequencies = label_audit.count_labels(labels, info=info)
        if not any(frequencies.pixels):
            notes.append(f"{pair.labels}: every pixel is ignored.")
    record = schema.encode_example(
        pair.name,
        image=image.encoded,
        image_format=image.image_format,
        height=image.height,
        width=image.width,
        labels=encoded,
    )
    return EncodedExample(record=record, frequencies=frequencies, notes=tuple(notes))


def _check_size(
    labels: np.ndarray, pair: FilePair, image: image_files.EncodedImage
) -> None:
    """Raises ValueError where labels and image differ in size."""
    if labels.shape != (image.height, image.width):
        raise ValueError(
            f"{pair.labels} is {labels.shape[1]} x {labels.shape[0]} pixels, its image "
            f"{pair.image} is {image.width} x {image.height}: they must be equal; "
            "take the labels that belong to this image."
        )


def _without_unknown(
    labels: np.ndarray,
    pair: FilePair,
    info: DatasetInfo,
    ignore_unknown: bool,
    notes: list[str],
) -> np.ndarray:
    """Returns labels with unknown ids ignored, and notes it; or raises ValueError."""
    unknown = label_audit.unknown_labels(labels, info=info)
    if not unknown:
        return labels
    listing = _describe_ids(unknown)
    if not ignore_unknown:
        raise ValueError(
            f"{pair.labels} holds {listing}, neither a class (0 to "
            f"{info.num_classes - 1}) nor the ignore label ({info.ignore_label}): "
            "correct the labels, or store these pixels as ignored with "
            "--unknown_label=ignore."
        )
    notes.append(f"{pair.labels} holds {listing}: stored as ignored.")
    return np.where(np.isin(labels, list(unknown)), info.ignore_label, labels)


def _check_exist(pair: FilePair) -> None:
    """Raises ValueError where a file of a pair is absent."""
    paths = [pair.image] + ([] if pair.labels is None else [pair.labels])
    absent = [path for path in paths if not path.is_file()]
    if not absent:
        return
    files = " and ".join(str(path) for path in absent)
    verb = "is" if len(absent) == 1 else "are"
    raise ValueError(
        f"{files} {verb} missing, though {pair.named_by} names {pair.name}: add the "
        "file or take the line out of the list."
    )


def _describe_ids(unknown: dict[int, int]) -> str:
    """Returns "id 37 (12 pixels), id 200 (3 pixels)"; a long list is cut."""
    listed = [f"id {label} ({pixels} pixels)" for label, pixels in unknown.items()]
    more = len(listed) - _MAX_LISTED_IDS
    listed = listed[:_MAX_LISTED_IDS] + ([f"{more} more ids"] if more > 0 else [])
    return ", ".join(listed)
