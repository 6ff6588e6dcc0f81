# Licensed under the Apache License, Version 2.0.
"""A small folder of records for tests."""

import dataclasses

from deeplab_tf.data import record_writer, shape_examples
from deeplab_tf.data.catalog.shapes import SHAPES

INFO = dataclasses.replace(SHAPES, image_size=(24, 24))


def items(split="train", num_examples=5):
    return shape_examples.shape_items(
        split, num_examples=num_examples, seed=0, image_size=24, info=INFO
    )


def write(folder, *, num_shards=2, **options):
    """Writes five training and two validation examples."""
    splits = {"train": items(), "val": items("val", 2)}
    return record_writer.write_records(
        splits, output_dir=folder, info=INFO, num_shards=num_shards, **options
    )
