# Licensed under the Apache License, Version 2.0.
"""Writes TFRecords of any folder of images and masks.

--data_root holds images/ and masks/ (or labels/, annotations/), perhaps with folders
train/ and val/ in both. A mask is called as its image, up to an end such as _mask, and
is as large. It holds class ids as grey values or palette indices, black and white, or
colours, of which --color_table says what they are.

    python datasets/build_folder_data.py --data_root=photos
"""

import pathlib

from absl import flags

from deeplab_tf.cli import build_records
from deeplab_tf.cli.progress import Progress
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.data.color_table import parse_color
from deeplab_tf.data.folder_examples import (
    FolderOptions,
    describe_examples,
    list_examples,
)

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags."""
    flags.DEFINE_string("data_root", None, "Folder of images and masks.")
    flags.DEFINE_string("dataset_name", "", "Default: the name of the folder.")
    flags.DEFINE_string("image_folder", "", "Folder of the images in --data_root.")
    flags.DEFINE_string("mask_folder", "", "Folder of the masks in --data_root.")
    flags.DEFINE_string("image_suffix", "", "End of images' names, as _image.")
    flags.DEFINE_string("mask_suffix", "", "End of masks' names, as _mask.")
    flags.DEFINE_string(
        "class_names", "", "Names in the order of ids, a,b,c; or a file, one a line."
    )
    flags.DEFINE_string(
        "color_table", None, "File with lines `name r g b`: classes of colours."
    )
    flags.DEFINE_integer(
        "ignore_label",
        None,
        "Id of pixels that do not count; default 255.",
        lower_bound=0,
        upper_bound=255,
    )
    flags.DEFINE_multi_string(
        "ignore_color", [], "Colour r,g,b of pixels that do not count; repeated."
    )
    flags.DEFINE_bool(
        "binary", False, "Masks are black and white, perhaps with soft borders."
    )
    flags.DEFINE_string("split_lists", None, "Folder with train.txt, val.txt, ...")
    flags.DEFINE_float(
        "val_fraction", 0.2, "Share for validation, without lists and split folders."
    )
    flags.DEFINE_integer("seed", 0, "Seed of that choice.")
    flags.DEFINE_enum(
        "missing_mask",
        "error",
        ["error", "skip"],
        "What to do with images that have no mask.",
    )
    build_records.define_flags(output_dir="")
    build_records.define_label_flags()


def read_names(text: str) -> tuple[str, ...]:
    """Returns the names of a comma-separated list, or of a file with one a line."""
    path = pathlib.Path(text)
    if text and path.is_file():
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    else:
        lines = text.split(",")
        if text and len(lines) == 1:
            raise ValueError(
                f"--class_names={text}: there is no such file, and it is no list of "
                "names a,b,c."
            )
    return tuple(line.strip() for line in lines if line.strip())


def options_of_flags() -> FolderOptions:
    """Returns what the flags say of the folder."""
    table, lists = FLAGS.color_table, FLAGS.split_lists
    return FolderOptions(
        image_folder=FLAGS.image_folder,
        mask_folder=FLAGS.mask_folder,
        image_suffix=FLAGS.image_suffix,
        mask_suffix=FLAGS.mask_suffix,
        name=FLAGS.dataset_name,
        class_names=read_names(FLAGS.class_names),
        color_table=pathlib.Path(table) if table else None,
        ignore_label=FLAGS.ignore_label,
        ignore_colors=tuple(parse_color(text) for text in FLAGS.ignore_color),
        binary=FLAGS.binary,
        ignore_unknown=FLAGS.unknown_label == "ignore",
        list_folder=pathlib.Path(lists) if lists else None,
        val_fraction=FLAGS.val_fraction,
        seed=FLAGS.seed,
        skip_missing=FLAGS.missing_mask == "skip",
    )


def main() -> None:
    """Builds what the flags name."""
    if not FLAGS.data_root:
        raise ValueError("--data_root must be given: the folder of images and masks.")
    root = pathlib.Path(FLAGS.data_root)
    options = options_of_flags()
    splits = list_examples(root, options)
    progress = Progress(len(splits.masks), unit="masks read")
    try:
        folder = describe_examples(root, splits, options, progress=progress)
    finally:
        progress.close()
    if not FLAGS.output_dir:
        FLAGS.output_dir = str(root / "tfrecord")
    build_records.build_from_files(folder.pairs, info=folder.info, notes=folder.notes)


if __name__ == "__main__":
    define_flags()
    run_main(main)
