# Licensed under the Apache License, Version 2.0.
"""Writes TFRecords of CamVid as the SegNet tutorial lays it out.

--data_root holds train.txt, val.txt and perhaps test.txt, images in the folders
train, val, test and labels in trainannot, valannot, testannot. A line of a list is an
id, or the paths of image and labels, of which only the file names matter.

    python datasets/build_camvid_data.py --data_root=CamVid --output_dir=camvid/tfrecord
"""

import pathlib
from collections.abc import Iterator

from absl import flags

from deeplab_tf.cli import build_records
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.data.catalog.camvid import CAMVID
from deeplab_tf.data.file_examples import FilePair, find_image
from deeplab_tf.data.split_lists import SplitList, check_folder, read_lists

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags."""
    flags.DEFINE_string("data_root", "./CamVid", "Folder of the data set.")
    build_records.define_flags(output_dir="./camvid/tfrecord")
    build_records.define_label_flags()


def file_pairs(entries: SplitList, *, root: pathlib.Path) -> Iterator[FilePair]:
    """Yields image and labels of each line of a list."""
    images = check_folder(root / entries.split, content="images")
    labels = check_folder(root / f"{entries.split}annot", content="label PNGs")
    for line in entries.lines:
        stems = [_stem(part) for part in line.split()]
        yield FilePair(
            name=stems[0],
            image=find_image(images, name=stems[0]),
            labels=labels / f"{stems[-1]}.png",
            named_by=entries.path,
            notes=entries.notes(line),
        )


def _stem(text: str) -> str:
    """Returns the file name in a path, without the ending of an image."""
    name = pathlib.PurePosixPath(text).name
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and suffix.lower() in ("jpg", "jpeg", "png") else name


def list_splits(root: pathlib.Path) -> dict[str, list[FilePair]]:
    """Returns the files of each example per split."""
    check_folder(root, content="CamVid")
    paths = [root / f"{split}.txt" for split in CAMVID.splits]
    paths = [path for path in paths if path.is_file()]
    if not paths:
        raise FileNotFoundError(
            f"{root} holds none of the lists train.txt, val.txt and test.txt."
        )
    return {
        entries.split: list(file_pairs(entries, root=root))
        for entries in read_lists(paths)
    }


def main() -> None:
    """Builds what the flag names."""
    splits = list_splits(pathlib.Path(FLAGS.data_root))
    build_records.build_from_files(splits, info=CAMVID)


if __name__ == "__main__":
    define_flags()
    run_main(main)
