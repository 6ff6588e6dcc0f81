# Licensed under the Apache License, Version 2.0.
"""Writes TFRecords of PASCAL VOC 2012, one split per list of --list_folder.

Labels may be the palette PNGs of the release (SegmentationClass) or raw ids.

    python datasets/build_voc2012_data.py --image_folder=VOC2012/JPEGImages \
        --semantic_segmentation_folder=VOC2012/SegmentationClass \
        --list_folder=VOC2012/ImageSets/Segmentation --image_format=jpg \
        --output_dir=voc/tfrecord
"""

import pathlib

from absl import flags

from deeplab_tf.cli import build_records
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.data.catalog.voc2012 import VOC2012
from deeplab_tf.data.file_examples import FilePair, listed_pairs
from deeplab_tf.data.split_lists import check_folder, read_lists

FLAGS = flags.FLAGS
ROOT = "./VOCdevkit/VOC2012"


def define_flags() -> None:
    """Defines the flags, with the names and defaults of research/deeplab."""
    flags.DEFINE_string("image_folder", f"{ROOT}/JPEGImages", "Images.")
    flags.DEFINE_string(
        "semantic_segmentation_folder",
        f"{ROOT}/SegmentationClassRaw",
        "Labels: PNG with ids or a palette, named as their images.",
    )
    flags.DEFINE_string(
        "list_folder",
        f"{ROOT}/ImageSets/Segmentation",
        "Lists of ids: train.txt becomes the split train.",
    )
    build_records.define_format_flags(image_format="png")
    build_records.define_flags(output_dir="./tfrecord")
    build_records.define_label_flags()


def list_splits(
    list_folder: pathlib.Path,
    *,
    image_folder: pathlib.Path,
    label_folder: pathlib.Path,
    image_format: str,
) -> dict[str, list[FilePair]]:
    """Returns the files of each example per split."""
    check_folder(image_folder, content="images")
    check_folder(label_folder, content="label PNGs")
    check_folder(list_folder, content="lists of ids")
    paths = sorted(list_folder.glob("*.txt"))
    if not paths:
        raise FileNotFoundError(f"{list_folder} holds no list (*.txt) of ids.")
    return {
        entries.split: listed_pairs(
            entries,
            images=image_folder,
            labels=label_folder,
            image_suffix=f".{image_format}",
        )
        for entries in read_lists(paths)
    }


def main() -> None:
    """Builds what the flags name."""
    splits = list_splits(
        pathlib.Path(FLAGS.list_folder),
        image_folder=pathlib.Path(FLAGS.image_folder),
        label_folder=pathlib.Path(FLAGS.semantic_segmentation_folder),
        image_format=FLAGS.image_format,
    )
    build_records.build_from_files(splits, info=VOC2012)


if __name__ == "__main__":
    define_flags()
    run_main(main)
