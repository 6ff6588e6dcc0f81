# Licensed under the Apache License, Version 2.0.
"""Writes TFRecords of Cityscapes with its 19 train ids.

    leftImg8bit/<split>/<city>/<name>_leftImg8bit.png
    gtFine/<split>/<city>/<name>_gtFine_labelTrainIds.png (or _labelIds.png)

The folder train becomes the split train_fine, and val val_fine, as in research/deeplab.
Where labelTrainIds.png has not been made yet, labelIds.png is converted.

    python datasets/build_cityscapes_data.py --cityscapes_root=cityscapes \
        --output_dir=cityscapes/tfrecord
"""

import dataclasses
import pathlib

from absl import flags

from deeplab_tf.cli import build_records
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.data.catalog.cityscapes import CITYSCAPES
from deeplab_tf.data.file_examples import FilePair
from deeplab_tf.data.image_files import IMAGE_SUFFIXES
from deeplab_tf.data.label_files import StoredIds
from deeplab_tf.data.split_lists import check_folder

FLAGS = flags.FLAGS
# The original's number of files.
NUM_SHARDS = 10
# Split -> folder. The labels of test are not published.
FOLDERS = {"train_fine": "train", "val_fine": "val", "test_fine": "test"}
_IMAGE_END = "_leftImg8bit"
_TRAIN_IDS_END = "_gtFine_labelTrainIds"
_LABEL_IDS_END = "_gtFine_labelIds"


def define_flags() -> None:
    """Defines the flags, with the names and defaults of research/deeplab."""
    flags.DEFINE_string("cityscapes_root", "./cityscapes", "Folder of the data set.")
    flags.DEFINE_list(
        "splits",
        ["train_fine", "val_fine"],
        "Splits to write; test_fine has no labels.",
    )
    build_records.define_format_flags(image_format="png")
    build_records.define_flags(output_dir="./tfrecord", num_shards=NUM_SHARDS)
    build_records.define_label_flags()


def list_splits(
    root: pathlib.Path, *, splits: list[str], image_format: str = "png"
) -> dict[str, list[FilePair]]:
    """Returns the files of each example per split."""
    if unknown := [split for split in splits if split not in FOLDERS]:
        raise ValueError(
            f"--splits must name some of {', '.join(FOLDERS)}, got {unknown[0]!r}."
        )
    check_folder(root, content="leftImg8bit and gtFine")
    return {split: file_pairs(root, split, image_format) for split in splits}


def file_pairs(root: pathlib.Path, split: str, image_format: str) -> list[FilePair]:
    """Returns the image and the labels of each example of a split."""
    images = check_folder(
        root / "leftImg8bit" / FOLDERS[split], content=f"the images of {split} by city"
    )
    labels = root / "gtFine" / FOLDERS[split]
    if split != "test_fine":
        check_folder(labels, content=f"the labels of {split} by city")
    suffixes = dict.fromkeys((f".{image_format}", *IMAGE_SUFFIXES))
    found: dict[str, pathlib.Path] = {}
    for suffix in suffixes:
        for path in images.glob(f"*/*{_IMAGE_END}{suffix}"):
            name = f"{path.parent.name}/{path.stem.removesuffix(_IMAGE_END)}"
            found.setdefault(name, path)
    if not found:
        raise FileNotFoundError(
            f"{images} holds no image <city>/<name>{_IMAGE_END}.{image_format}."
        )
    pairs = []
    for city_name, image in sorted(found.items()):
        pair = FilePair(
            name=pathlib.PurePosixPath(city_name).name,
            image=image,
            labels=None,
            named_by=images,
        )
        pairs.append(pair if split == "test_fine" else _labelled(pair, labels))
    return pairs


def _labelled(pair: FilePair, folder: pathlib.Path) -> FilePair:
    """Returns an example with its labels: train ids, else label ids."""
    stem = folder / pair.image.parent.name / pair.name
    train_ids = stem.with_name(f"{stem.name}{_TRAIN_IDS_END}.png")
    label_ids = stem.with_name(f"{stem.name}{_LABEL_IDS_END}.png")
    if train_ids.is_file() or not label_ids.is_file():
        return dataclasses.replace(pair, labels=train_ids)
    return dataclasses.replace(
        pair, labels=label_ids, read=StoredIds(mapping=train_ids_of_label_ids())
    )


def train_ids_of_label_ids() -> tuple[int, ...]:
    """Returns the train id of each label id; what no class is becomes 255."""
    classes = {number: i for i, number in enumerate(CITYSCAPES.evaluation_ids)}
    return tuple(classes.get(number, CITYSCAPES.ignore_label) for number in range(256))


def notes_of(splits: dict[str, list[FilePair]]) -> list[str]:
    """Returns what a person should know of the labels."""
    notes = []
    for split, pairs in splits.items():
        converted = [
            pair.labels
            for pair in pairs
            if pair.labels and pair.labels.stem.endswith(_LABEL_IDS_END)
        ]
        if converted:
            notes.append(
                f"{split}: {len(converted)} of {len(pairs)} images have labelIds.png "
                f"and no labelTrainIds.png, as {converted[0]}: train ids are made of "
                "these."
            )
    return notes


def main() -> None:
    """Builds what the flags name."""
    splits = list_splits(
        pathlib.Path(FLAGS.cityscapes_root),
        splits=FLAGS.splits,
        image_format=FLAGS.image_format,
    )
    build_records.build_from_files(splits, info=CITYSCAPES, notes=notes_of(splits))


if __name__ == "__main__":
    define_flags()
    run_main(main)
