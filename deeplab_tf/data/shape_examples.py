# Licensed under the Apache License, Version 2.0.
"""Drawn shapes become examples of a record."""

import io

from PIL import Image

from deeplab_tf.data import label_audit, label_files, schema, shapes
from deeplab_tf.data.catalog.dataset_info import DatasetInfo
from deeplab_tf.data.record_writer import EncodedExample, RecordItem


def shape_items(
    split: str, *, num_examples: int, seed: int, image_size: int, info: DatasetInfo
) -> list[RecordItem]:
    """Returns what the record writer needs to draw and store a split.

    Args:
        split: its name.
        num_examples: how many.
        seed: of the data set.
        image_size: height and width.
        info: classes and ignore label.
    """

    def item(index: int) -> RecordItem:
        return RecordItem(
            fingerprint=repr((split, index, seed, image_size)),
            encode=lambda: encode_shapes(
                split, index=index, seed=seed, image_size=image_size, info=info
            ),
        )

    return [item(index) for index in range(num_examples)]


def encode_shapes(
    split: str, *, index: int, seed: int, image_size: int, info: DatasetInfo
) -> EncodedExample:
    """Draws and encodes one example; PNG keeps the pixels as they were drawn."""
    image, labels = shapes.draw_example(
        split, index=index, seed=seed, image_size=image_size
    )
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    record = schema.encode_example(
        f"{split}_{index:06d}",
        image=buffer.getvalue(),
        image_format="png",
        height=image_size,
        width=image_size,
        labels=label_files.encode_labels(labels),
    )
    frequencies = label_audit.count_labels(labels, info=info)
    return EncodedExample(record=record, frequencies=frequencies)
