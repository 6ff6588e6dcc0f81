# Licensed under the Apache License, Version 2.0.
"""The TFRecord schema of research/deeplab, both ways."""

from typing import Any

import tensorflow as tf

from deeplab_tf.structures import Example

# research/deeplab, datasets/build_data.py: image_seg_to_tfexample.
IMAGE_ENCODED = "image/encoded"
IMAGE_FILENAME = "image/filename"
IMAGE_FORMAT = "image/format"
IMAGE_HEIGHT = "image/height"
IMAGE_WIDTH = "image/width"
IMAGE_CHANNELS = "image/channels"
LABELS_ENCODED = "image/segmentation/class/encoded"
LABELS_FORMAT = "image/segmentation/class/format"


def encode_example(
    name: str,
    *,
    image: bytes,
    image_format: str,
    height: int,
    width: int,
    labels: bytes | None,
) -> bytes:
    """Returns one example as a serialised tf.train.Example.

    Args:
        name: id of the example.
        image: JPEG or PNG file that decodes to three channels.
        image_format: "jpeg" or "png", which of the two it is.
        height: of image and labels.
        width: of image and labels.
        labels: PNG file with one 8-bit channel of class ids; None: no ground truth.
    """
    features: dict[str, Any] = {
        IMAGE_ENCODED: _bytes(image),
        IMAGE_FILENAME: _bytes(name.encode()),
        IMAGE_FORMAT: _bytes(image_format.encode()),
        IMAGE_HEIGHT: _integer(height),
        IMAGE_WIDTH: _integer(width),
        IMAGE_CHANNELS: _integer(3),
    }
    if labels is not None:
        features[LABELS_ENCODED] = _bytes(labels)
        features[LABELS_FORMAT] = _bytes(b"png")
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # The same example must always give the same bytes, and a map has no order.
    return example.SerializeToString(deterministic=True)


def parse_example(
    serialized: tf.Tensor, *, with_labels: bool = True
) -> dict[str, tf.Tensor]:
    """Returns the files that a record holds, still encoded.

    Args:
        serialized: scalar string.
        with_labels: whether the record must hold ground truth.

    Returns:
        image, labels (if asked for) and image_name, scalar strings.
    """
    keys = {"image": IMAGE_ENCODED, "image_name": IMAGE_FILENAME}
    if with_labels:
        keys["labels"] = LABELS_ENCODED
    text = tf.io.FixedLenFeature([], tf.string)
    parsed = tf.io.parse_single_example(serialized, dict.fromkeys(keys.values(), text))
    return {name: parsed[key] for name, key in keys.items()}


def decode_example(serialized: tf.Tensor, *, with_labels: bool = True) -> Example:
    """Returns the example that `encode_example` or research/deeplab wrote.

    Args:
        serialized: scalar string.
        with_labels: whether the record must hold ground truth.

    Returns:
        image uint8 [H, W, 3], labels int32 [H, W] (if asked for), image_name.
    """
    encoded = parse_example(serialized, with_labels=with_labels)
    example: Example = {
        "image": decode_image(encoded["image"]),
        "image_name": encoded["image_name"],
    }
    if with_labels:
        example["labels"] = tf.cast(decode_labels(encoded["labels"]), tf.int32)
    return example


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """Returns the [H, W, 3] uint8 pixels of a JPEG or PNG file."""
    pixels = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return tf.ensure_shape(pixels, [None, None, 3])


def decode_labels(encoded: tf.Tensor) -> tf.Tensor:
    """Returns the [H, W] uint8 class ids of a PNG file with one channel of 8 bits."""
    return tf.io.decode_png(encoded, channels=1)[:, :, 0]


def has_labels(serialized: bytes) -> bool:
    """Returns whether a serialised example holds ground truth."""
    return LABELS_ENCODED in tf.train.Example.FromString(serialized).features.feature


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _integer(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
