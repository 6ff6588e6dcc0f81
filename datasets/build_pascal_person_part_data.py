# Licensed under the Apache License, Version 2.0.
"""Writes TFRecords of PASCAL-Person-Part, with images of VOC 2010.

pascal_person_part.zip holds the labels as PNGs and the lists:

    pascal_person_part/pascal_person_part_gt/2008_000003.png
    pascal_person_part/pascal_person_part_trainval_list/{train_id,val_id}.txt
    VOCdevkit/VOC2010/JPEGImages/2008_000003.jpg

    python datasets/build_pascal_person_part_data.py \
        --output_dir=pascal_person_part/tfrecord
"""

import pathlib

from absl import flags

from deeplab_tf.cli import build_records
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.data.catalog.pascal_person_part import PASCAL_PERSON_PART
from deeplab_tf.data.file_examples import FilePair, listed_pairs
from deeplab_tf.data.split_lists import check_folder, read_lists

FLAGS = flags.FLAGS
ROOT = "./pascal_person_part"


def define_flags() -> None:
    """Defines the flags."""
    flags.DEFINE_string("image_folder", "./VOCdevkit/VOC2010/JPEGImages", "Images.")
    flags.DEFINE_string(
        "label_folder", f"{ROOT}/pascal_person_part_gt", "PNGs with ids 0 to 6."
    )
    flags.DEFINE_string(
        "list_folder",
        f"{ROOT}/pascal_person_part_trainval_list",
        "Lists train_id.txt and val_id.txt.",
    )
    build_records.define_flags(output_dir=f"{ROOT}/tfrecord")
    build_records.define_label_flags()


def list_splits(
    list_folder: pathlib.Path,
    *,
    image_folder: pathlib.Path,
    label_folder: pathlib.Path,
) -> dict[str, list[FilePair]]:
    """Returns the files of each example per split."""
    check_folder(image_folder, content="the images of VOC 2010")
    check_folder(label_folder, content="label PNGs")
    check_folder(list_folder, content="train_id.txt and val_id.txt")
    paths = {split: list_folder / f"{split}_id.txt" for split in ("train", "val")}
    return {
        split: listed_pairs(entries, images=image_folder, labels=label_folder)
        for split, entries in zip(paths, read_lists([*paths.values()]), strict=True)
    }


def main() -> None:
    """Builds what the flags name."""
    splits = list_splits(
        pathlib.Path(FLAGS.list_folder),
        image_folder=pathlib.Path(FLAGS.image_folder),
        label_folder=pathlib.Path(FLAGS.label_folder),
    )
    build_records.build_from_files(splits, info=PASCAL_PERSON_PART)


if __name__ == "__main__":
    define_flags()
    run_main(main)
