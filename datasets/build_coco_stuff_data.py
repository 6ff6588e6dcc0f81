# Licensed under the Apache License, Version 2.0.
"""Writes TFRecords of COCO-Stuff, of all its images or of its first 10,000.

All of COCO 2017, with the PNGs of stuffthingmaps_trainval2017.zip:

    images/{train2017,val2017}/000000000009.jpg
    annotations/{train2017,val2017}/000000000009.png

cocostuff-10k-v1.1.zip, whose labels are MATLAB files:

    images/COCO_train2014_000000000077.jpg
    annotations/COCO_train2014_000000000077.mat
    imageLists/{train,test}.txt

    python datasets/build_coco_stuff_data.py --data_root=cocostuff
"""

import pathlib

from absl import flags

from deeplab_tf.cli import build_records
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.data.catalog import DatasetInfo
from deeplab_tf.data.catalog.coco_stuff import COCO_STUFF_10K, COCO_STUFF_164K
from deeplab_tf.data.file_examples import FilePair, listed_pairs
from deeplab_tf.data.mat_files import MatIds
from deeplab_tf.data.split_lists import check_folder, read_lists

FLAGS = flags.FLAGS

# A file of 10k holds 0 where nothing is labelled, and the other ids plus one.
_MAT_IDS = MatIds(
    name="S",
    mapping=(COCO_STUFF_10K.ignore_label, *range(COCO_STUFF_10K.num_classes)),
)


def define_flags() -> None:
    """Defines the flags."""
    flags.DEFINE_string("data_root", "./cocostuff", "Folder of the data set.")
    build_records.define_flags(output_dir="", num_shards=50)
    build_records.define_label_flags()


def list_splits(root: pathlib.Path) -> tuple[DatasetInfo, dict[str, list[FilePair]]]:
    """Returns which of both it is, and the files of each example per split."""
    images = check_folder(root / "images", content="images")
    labels = check_folder(root / "annotations", content="labels")
    if (root / "imageLists").is_dir():
        return COCO_STUFF_10K, _listed(root / "imageLists", images, labels)
    splits = {}
    for split in COCO_STUFF_164K.splits:
        year = f"{split}2017"
        content = "PNGs, or, for the 10,000 images, imageLists/ beside annotations/"
        check_folder(labels / year, content=content)
        paths = sorted(check_folder(images / year, content="images").glob("*.jpg"))
        if not paths:
            raise FileNotFoundError(f"{images / year} holds no image (*.jpg).")
        splits[split] = [
            FilePair(
                name=path.stem,
                image=path,
                labels=labels / year / f"{path.stem}.png",
                named_by=path.parent,
            )
            for path in paths
        ]
    return COCO_STUFF_164K, splits


def _listed(
    lists: pathlib.Path, images: pathlib.Path, labels: pathlib.Path
) -> dict[str, list[FilePair]]:
    """Returns the files of the 10,000 images."""
    paths = [lists / f"{split}.txt" for split in COCO_STUFF_10K.splits]
    return {
        entries.split: listed_pairs(
            entries, images=images, labels=labels, label_suffix=".mat", read=_MAT_IDS
        )
        for entries in read_lists(paths)
    }


def main() -> None:
    """Builds what the flag names."""
    root = pathlib.Path(FLAGS.data_root)
    info, splits = list_splits(root)
    if not FLAGS.output_dir:
        FLAGS.output_dir = str(root / "tfrecord")
    build_records.build_from_files(splits, info=info)


if __name__ == "__main__":
    define_flags()
    run_main(main)
