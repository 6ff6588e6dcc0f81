# Licensed under the Apache License, Version 2.0.
"""Writes TFRecords of PASCAL-Context: 59 classes, and all else as background.

The labels are those of its trainval.tar.gz, a MATLAB file per image with the numbers of
labels.txt, and images and lists those of VOC 2010:

    VOCdevkit/VOC2010/JPEGImages/2008_000002.jpg
    VOCdevkit/VOC2010/ImageSets/Main/{train,val}.txt
    pascal_context/trainval/2008_000002.mat
    pascal_context/labels.txt

    python datasets/build_pascal_context_data.py --output_dir=pascal_context/tfrecord
"""

import pathlib

from absl import flags

from deeplab_tf.cli import build_records
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.data.catalog.pascal_context import PASCAL_CONTEXT
from deeplab_tf.data.file_examples import FilePair, listed_pairs
from deeplab_tf.data.mat_files import MatIds
from deeplab_tf.data.split_lists import check_folder, read_lists

FLAGS = flags.FLAGS
VOC_ROOT = "./VOCdevkit/VOC2010"
ROOT = "./pascal_context"


def define_flags() -> None:
    """Defines the flags."""
    flags.DEFINE_string("image_folder", f"{VOC_ROOT}/JPEGImages", "Images.")
    flags.DEFINE_string(
        "list_folder", f"{VOC_ROOT}/ImageSets/Main", "Lists train.txt and val.txt."
    )
    flags.DEFINE_string("label_folder", f"{ROOT}/trainval", "MATLAB files.")
    flags.DEFINE_string(
        "names_file", f"{ROOT}/labels.txt", "Lines `number: name` of all labels."
    )
    build_records.define_flags(output_dir=f"{ROOT}/tfrecord")
    build_records.define_label_flags()


def read_mapping(path: pathlib.Path) -> tuple[int, ...]:
    """Returns the class of each number that the label files hold.

    Args:
        path: labels.txt, with a line `number: name` for each of more than 400 labels.

    Raises:
        ValueError: one of the 59 names is missing.
    """
    numbers: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        number, _, name = line.partition(":")
        if number.strip().isdigit():
            numbers[name.replace(" ", "").strip()] = int(number)
    names = PASCAL_CONTEXT.classes[1:]
    missing = [name for name in names if name not in numbers]
    if missing:
        raise ValueError(
            f"{path} does not name {', '.join(missing)}: expected labels.txt of "
            "PASCAL-Context, with lines such as `2: aeroplane`."
        )
    mapping = [0] * (max(numbers.values()) + 1)
    for label, name in enumerate(names, start=1):
        mapping[numbers[name]] = label
    return tuple(mapping)


def list_splits(
    list_folder: pathlib.Path,
    *,
    image_folder: pathlib.Path,
    label_folder: pathlib.Path,
    mapping: tuple[int, ...],
) -> dict[str, list[FilePair]]:
    """Returns the files of each example per split."""
    check_folder(image_folder, content="the images of VOC 2010")
    check_folder(label_folder, content="the MATLAB files of PASCAL-Context")
    check_folder(list_folder, content="train.txt and val.txt of VOC 2010")
    reader = MatIds(name="LabelMap", mapping=mapping)
    # Main holds a list for each class of VOC, too.
    paths = [list_folder / f"{split}.txt" for split in PASCAL_CONTEXT.splits]
    return {
        entries.split: listed_pairs(
            entries,
            images=image_folder,
            labels=label_folder,
            label_suffix=".mat",
            read=reader,
        )
        for entries in read_lists(paths)
    }


def main() -> None:
    """Builds what the flags name."""
    splits = list_splits(
        pathlib.Path(FLAGS.list_folder),
        image_folder=pathlib.Path(FLAGS.image_folder),
        label_folder=pathlib.Path(FLAGS.label_folder),
        mapping=read_mapping(pathlib.Path(FLAGS.names_file)),
    )
    build_records.build_from_files(splits, info=PASCAL_CONTEXT)


if __name__ == "__main__":
    define_flags()
    run_main(main)
