# Licensed under the Apache License, Version 2.0.
"""Draws the data set shapes and writes it as TFRecords; nothing is downloaded.

python datasets/build_shapes_data.py --output_dir=shapes/tfrecord
"""

import dataclasses

from absl import flags

from deeplab_tf.cli import build_records
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.data.catalog.shapes import SHAPES
from deeplab_tf.data.shape_examples import shape_items

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags."""
    train, val = SHAPES.splits["train"], SHAPES.splits["val"]
    flags.DEFINE_integer("num_train", train, "Training examples.", lower_bound=1)
    flags.DEFINE_integer("num_val", val, "Validation examples.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Seed of all examples.", lower_bound=0)
    flags.DEFINE_integer("image_size", 97, "Height and width.", lower_bound=16)
    build_records.define_flags(output_dir="./shapes/tfrecord")


def main() -> None:
    """Builds what the flags say."""
    size = FLAGS.image_size
    info = dataclasses.replace(SHAPES, image_size=(size, size))
    numbers = {"train": FLAGS.num_train, "val": FLAGS.num_val}
    splits = {
        split: shape_items(
            split, num_examples=number, seed=FLAGS.seed, image_size=size, info=info
        )
        for split, number in numbers.items()
    }
    build_records.build(splits, info=info)


if __name__ == "__main__":
    define_flags()
    run_main(main)
