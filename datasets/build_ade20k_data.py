# Licensed under the Apache License, Version 2.0.
"""Writes TFRecords of ADE20K in the layout of the MIT scene parsing benchmark.

    ADEChallengeData2016/images/training/ADE_train_00000001.jpg
    ADEChallengeData2016/annotations/training/ADE_train_00000001.png

Labels are stored as published: 0 is unlabelled, 1 to 150 are the classes.

    python datasets/build_ade20k_data.py --output_dir=ADE20K/tfrecord
"""

import pathlib

from absl import flags

from deeplab_tf.cli import build_records
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.data.catalog.ade20k import ADE20K
from deeplab_tf.data.file_examples import FilePair
from deeplab_tf.data.image_files import IMAGE_SUFFIXES
from deeplab_tf.data.split_lists import check_folder

FLAGS = flags.FLAGS
ROOT = "./ADE20K/ADEChallengeData2016"


def define_flags() -> None:
    """Defines the flags, with the names and defaults of research/deeplab."""
    flags.DEFINE_string("train_image_folder", f"{ROOT}/images/training", "Images.")
    flags.DEFINE_string(
        "train_image_label_folder",
        f"{ROOT}/annotations/training",
        "Label PNGs, named as their images.",
    )
    flags.DEFINE_string("val_image_folder", f"{ROOT}/images/validation", "Images.")
    flags.DEFINE_string(
        "val_image_label_folder",
        f"{ROOT}/annotations/validation",
        "Label PNGs, named as their images.",
    )
    build_records.define_format_flags(image_format="jpg")
    build_records.define_flags(output_dir="./ADE20K/tfrecord")
    build_records.define_label_flags()


def file_pairs(
    image_folder: pathlib.Path, *, label_folder: pathlib.Path, image_format: str = "jpg"
) -> list[FilePair]:
    """Returns the image and the labels of each example of a split, by name."""
    check_folder(image_folder, content="images")
    check_folder(label_folder, content="label PNGs")
    images: dict[str, pathlib.Path] = {}
    for suffix in dict.fromkeys((f".{image_format}", *IMAGE_SUFFIXES)):
        for path in image_folder.glob(f"*{suffix}"):
            images.setdefault(path.stem, path)
    if not images:
        raise FileNotFoundError(f"{image_folder} holds no image (*.{image_format}).")
    return [
        FilePair(
            name=name,
            image=image,
            labels=label_folder / f"{name}.png",
            named_by=image_folder,
        )
        for name, image in sorted(images.items())
    ]


def main() -> None:
    """Builds what the flags name."""
    splits = {
        "train": file_pairs(
            pathlib.Path(FLAGS.train_image_folder),
            label_folder=pathlib.Path(FLAGS.train_image_label_folder),
            image_format=FLAGS.image_format,
        ),
        "val": file_pairs(
            pathlib.Path(FLAGS.val_image_folder),
            label_folder=pathlib.Path(FLAGS.val_image_label_folder),
            image_format=FLAGS.image_format,
        ),
    }
    build_records.build_from_files(splits, info=ADE20K)


if __name__ == "__main__":
    define_flags()
    run_main(main)
