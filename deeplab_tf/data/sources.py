# Licensed under the Apache License, Version 2.0.
"""Where raw examples come from: records, folders, TFDS and drawn shapes.

A source is read by index, so that the order of a training is free and resuming costs
nothing.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from deeplab_tf.data import dataset_json, example_checks, record_files, schema, shapes
from deeplab_tf.data.catalog import get_dataset_info
from deeplab_tf.data.catalog.dataset_info import DatasetInfo
from deeplab_tf.data.image_files import IMAGE_SUFFIXES
from deeplab_tf.structures import Example


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Examples that can be read one by one.

    Attributes:
        name: what it is, for messages.
        num_examples: how many there are.
        has_labels: whether they hold ground truth.
        read: int64 scalar index in 0..num_examples-1 -> Example with image uint8
            [H, W, 3], labels int32 [H, W] where there are any, and image_name; runs
            inside tf.data. A damaged example raises InvalidArgumentError that names
            the file.
    """

    name: str
    num_examples: int
    has_labels: bool
    read: Callable[[tf.Tensor], Example]


def open_source(
    data_dir: str | os.PathLike | None, *, split: str, info: DatasetInfo
) -> Source:
    """Returns the records of a split, or drawn shapes where there is no folder.

    Args:
        data_dir: folder of TFRecords; None or "" draws, if the data set is shapes.
        split: name of the split.
        info: the data set.

    Raises:
        ValueError: there is no folder, and the data set cannot be drawn.
    """
    if data_dir:
        return tfrecord_source(data_dir, split=split, info=info)
    if info.name == "shapes":
        return synthetic_source(split)
    raise ValueError(
        f"Data set {info.name!r} needs the folder of its TFRecords "
        "(--dataset_dir); build them with the script of that data set in datasets/."
    )


def tfrecord_source(
    data_dir: str | os.PathLike, *, split: str, info: DatasetInfo | None = None
) -> Source:
    """Returns the examples of `<split>-%05d-of-%05d.tfrecord` in a folder.

    Args:
        data_dir: folder of the records.
        split: name of the split.
        info: the data set; labels that are neither a class nor its ignore label are
            then an error where they are read. None takes any ids.

    Raises:
        FileNotFoundError: there is no such folder, split or shard.
        ValueError: a file is truncated, or there are not as many examples as
            `dataset.json` counts.
    """
    files = record_files.find_record_files(data_dir, split=split)
    index = record_files.index_records(files)
    _check_count(data_dir, split=split, num_examples=len(index.offset_of))
    with_labels = _first_has_labels(files)

    def decode(record: tf.Tensor, _: tf.Tensor) -> tuple[Example, tf.Tensor]:
        return _decode(schema.parse_example(record, with_labels=with_labels), info=info)

    return _record_source(
        f"split {split!r} of {data_dir}",
        index=index,
        with_labels=with_labels,
        decode=decode,
    )


def tfds_source(
    name: str,
    *,
    split: str,
    image_key: str = "image",
    labels_key: str = "segmentation_mask",
    label_offset: int = 0,
    data_dir: str | None = None,
) -> Source:
    """Returns a split of a data set of tensorflow_datasets that lies on disk.

    Args:
        name: name of the data set, with configuration and version where needed.
        split: name of the split.
        image_key: feature with the image.
        labels_key: feature with the class ids, [H, W, 1].
        label_offset: added to the ids, modulo 256, so that 0 - 1 is 255.
        data_dir: where tensorflow_datasets keeps its files.

    Raises:
        ValueError: the data set has no such split or feature.
    """
    import tensorflow_datasets as tfds

    builder = tfds.builder(name, data_dir=data_dir)
    if split not in builder.info.splits:
        raise ValueError(
            f"{name} has no split {split!r} on disk; it has "
            f"{', '.join(builder.info.splits) or 'none: prepare it first'}."
        )
    features = builder.info.features
    if missing := [key for key in (image_key, labels_key) if key not in features]:
        raise ValueError(
            f"{name} has no feature {missing[0]!r}; it has {', '.join(features)}."
        )

    def decode(record: tf.Tensor, index: tf.Tensor) -> tuple[Example, tf.Tensor]:
        features_of_record = features.deserialize_example(record)
        labels = tf.cast(features_of_record[labels_key][:, :, 0], tf.int32)
        number = tf.strings.as_string(index, width=6, fill="0")
        example: Example = {
            "image": tf.ensure_shape(features_of_record[image_key], [None, None, 3]),
            "labels": (labels + label_offset) % 256,
            "image_name": tf.strings.join([f"{split}_", number]),
        }
        return example, tf.constant("")

    files = [str(path) for path in builder.info.splits[split].filepaths]
    return _record_source(
        f"split {split!r} of {name}",
        index=record_files.index_records(files),
        with_labels=True,
        decode=decode,
    )


def folder_source(
    image_folder: str | os.PathLike,
    *,
    label_folder: str | os.PathLike | None = None,
    names: Sequence[str] | None = None,
) -> Source:
    """Returns the JPEG and PNG images of a folder, with label PNGs of the same stem.

    Args:
        image_folder: folder with <name>.jpg, .jpeg or .png.
        label_folder: folder with <name>.png, one channel of class ids; None: images
            without ground truth.
        names: the examples and their order; None takes all images by name.

    Raises:
        FileNotFoundError: an image or its labels are not there.
    """
    found = {
        path.stem: str(path)
        for path in sorted(pathlib.Path(image_folder).iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
    }
    names = tuple(found) if names is None else tuple(names)
    if not names:
        raise FileNotFoundError(f"{image_folder} holds no .jpg, .jpeg or .png image.")
    if missing := [name for name in names if name not in found]:
        raise FileNotFoundError(
            f"{image_folder} holds no image {missing[0]} (.jpg, .jpeg or .png)."
        )
    images = [found[name] for name in names]
    labels = []
    if label_folder is not None:
        labels = [str(pathlib.Path(label_folder) / f"{name}.png") for name in names]
        if missing := [path for path in labels if not os.path.isfile(path)]:
            raise FileNotFoundError(f"{missing[0]} is missing: no labels for it.")

    def decode(index: tf.Tensor) -> tuple[Example, tf.Tensor]:
        encoded = {
            "image": tf.io.read_file(tf.gather(tf.constant(images), index)),
            "image_name": tf.gather(tf.constant(names), index),
        }
        if labels:
            path = tf.gather(tf.constant(labels), index)
            encoded["labels"] = tf.io.read_file(path)
        return _decode(encoded, info=None)

    def read(index: tf.Tensor) -> Example:
        dataset = tf.data.Dataset.from_tensors(index).map(decode)
        place = tf.gather(tf.constant(images), index)
        if labels:
            labels_place = tf.gather(tf.constant(labels), index)
            place = tf.strings.join([place, " and ", labels_place])
        return example_checks.first_or_error(
            dataset, place=place, with_labels=bool(labels)
        )

    return Source(
        name=str(image_folder),
        num_examples=len(names),
        has_labels=bool(labels),
        read=read,
    )


def synthetic_source(
    split: str,
    *,
    num_examples: int | None = None,
    seed: int = 0,
    image_size: int | None = None,
) -> Source:
    """Returns drawn shapes; each is drawn once and then kept in memory.

    Args:
        split: name of the split; splits share no example.
        num_examples: None is what the catalogue says of the split.
        seed: of the data set.
        image_size: height and width; None is the catalogue's.

    Raises:
        ValueError: the catalogue knows no such split, and no number is given.
    """
    info = get_dataset_info("shapes")
    if num_examples is None and split not in info.splits:
        raise ValueError(
            f"Data set 'shapes' has no split {split!r}; it has "
            f"{', '.join(info.splits)}. Or give num_examples."
        )
    size = image_size if image_size is not None else (info.image_size or (97, 97))[0]
    drawn: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def draw(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        number = int(index)
        if number not in drawn:
            drawn[number] = shapes.draw_example(
                split, index=number, seed=seed, image_size=size
            )
        return drawn[number]

    def read(index: tf.Tensor) -> Example:
        image, labels = tf.numpy_function(draw, [index], [tf.uint8, tf.uint8])
        number = tf.strings.as_string(index, width=6, fill="0")
        return {
            "image": tf.ensure_shape(image, [size, size, 3]),
            "labels": tf.cast(tf.ensure_shape(labels, [size, size]), tf.int32),
            "image_name": tf.strings.join([f"{split}_", number]),
        }

    return Source(
        name=f"split {split!r} of shapes",
        num_examples=info.splits[split] if num_examples is None else num_examples,
        has_labels=True,
        read=read,
    )


def _check_count(data_dir: str | os.PathLike, *, split: str, num_examples: int) -> None:
    """Raises ValueError if `dataset.json` counts other examples than there are.

    A file that was cut off between two records, or taken from another build, shows no
    damage of its own.
    """
    if not (pathlib.Path(data_dir) / dataset_json.FILE_NAME).is_file():
        return
    splits = dataset_json.read_dataset_json(data_dir)[0].splits
    if splits.get(split, num_examples) != num_examples:
        raise ValueError(
            f"{data_dir} holds {num_examples} examples of split {split!r}, and its "
            f"{dataset_json.FILE_NAME} counts {splits[split]}: files were cut off or "
            "are of another build. Build or copy the records again."
        )


def _decode(
    encoded: Mapping[str, tf.Tensor], *, info: DatasetInfo | None
) -> tuple[Example, tf.Tensor]:
    """Returns the example of encoded files, and what is wrong with its labels."""
    example: Example = {
        "image": schema.decode_image(encoded["image"]),
        "image_name": encoded["image_name"],
    }
    if "labels" not in encoded:
        return example, tf.constant("")
    labels = schema.decode_labels(encoded["labels"])
    example["labels"] = tf.cast(labels, tf.int32)
    problem = example_checks.labels_problem(encoded["labels"])
    ids_problem = example_checks.ids_problem(labels, info=info)
    return example, tf.where(problem == "", ids_problem, problem)


def _first_has_labels(files: Sequence[str]) -> bool:
    """Returns whether the first record holds ground truth; if damaged, it should."""
    try:
        first = next(iter(tf.data.TFRecordDataset(files))).numpy()
        return schema.has_labels(first)
    except (tf.errors.DataLossError, DecodeError):
        return True


def _record_source(
    name: str,
    *,
    index: record_files.RecordIndex,
    with_labels: bool,
    decode: Callable[[tf.Tensor, tf.Tensor], tuple[Example, tf.Tensor]],
) -> Source:
    """Returns a source over indexed record files."""

    def read(number: tf.Tensor) -> Example:
        dataset = index.read(number).map(lambda record: decode(record, number))
        return example_checks.first_or_error(
            dataset, place=index.place(number), with_labels=with_labels
        )

    return Source(
        name=name,
        num_examples=len(index.offset_of),
        has_labels=with_labels,
        read=read,
    )
