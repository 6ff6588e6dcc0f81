# Licensed under the Apache License, Version 2.0.
"""What a raw example must be before anything learns from it or is scored with it.

A problem is a scalar string inside tf.data, "" where there is none. All problems of an
example end in one error, which says where the example lies.
"""

import tensorflow as tf

from deeplab_tf.data.catalog.dataset_info import MAX_LABEL, DatasetInfo
from deeplab_tf.data.image_files import MAX_PIXELS
from deeplab_tf.structures import Example

_UNREADABLE = "its checksum, image or labels cannot be read"


def labels_problem(encoded: tf.Tensor) -> tf.Tensor:
    """Returns what keeps an encoded file from being a map of class ids.

    TensorFlow's decoder would turn palettes and colours into grey, and stretch or cut
    other depths than 8 bits: numbers that look like ids and are none.
    """
    # Signature, then width and height, then depth 8 and colour type 0, which is grey.
    is_png = tf.strings.substr(encoded, 1, 3) == "PNG"
    is_grey = tf.strings.substr(encoded, 24, 2) == b"\x08\x00"
    return tf.where(
        is_png & is_grey,
        "",
        "its labels are no PNG with one channel of 8 bits, but colours, a palette or "
        "another depth",
    )


def ids_problem(labels: tf.Tensor, *, info: DatasetInfo | None) -> tf.Tensor:
    """Returns what is wrong with class ids.

    Args:
        labels: uint8 [H, W].
        info: classes and ignore label; None takes any ids.
    """
    if info is None:
        return tf.constant("")
    largest = _largest_id(labels, info=info)
    text = tf.strings.join(
        [
            "its labels hold id ",
            tf.strings.as_string(largest),
            f", which is neither a class (0 to {info.num_classes - 1}) nor the ignore "
            f"label ({info.ignore_label})",
        ]
    )
    return tf.where(largest < info.num_classes, "", text)


def _largest_id(labels: tf.Tensor, *, info: DatasetInfo) -> tf.Tensor:
    """Returns the largest id but for the ignore label; at most 0 if there is none.

    It runs for every example that is read. A choice pixel by pixel takes ten times as
    long as a sum, so the usual ignore labels go without.
    """
    ignore_label = info.ignore_label
    if ignore_label == MAX_LABEL:
        # In 8 bits 255 + 1 is 0, and the order of the others stays.
        following = tf.reduce_max(labels + tf.constant(1, tf.uint8))
        return tf.cast(following, tf.int32) - 1
    if ignore_label <= info.num_classes:
        # If it is the largest of all, the others are classes.
        largest = tf.cast(tf.reduce_max(labels), tf.int32)
        return tf.where(largest == ignore_label, 0, largest)
    is_ignored = labels == tf.constant(ignore_label, tf.uint8)
    kept = tf.where(is_ignored, tf.zeros_like(labels), labels)
    return tf.cast(tf.reduce_max(kept), tf.int32)


def first_or_error(
    dataset: tf.data.Dataset, *, place: tf.Tensor, with_labels: bool
) -> Example:
    """Returns the only example of a data set, or an error that says where it lies.

    The errors of TensorFlow's decoders name no file. So they are swallowed, and an
    empty image stands for an example that could not be read.

    Args:
        dataset: one pair (example, its problem so far).
        place: file and position of the example in words, a scalar string.
        with_labels: whether it has labels.
    """
    empty: Example = {
        "image": tf.zeros([0, 0, 3], tf.uint8),
        "image_name": tf.constant(""),
    }
    if with_labels:
        empty["labels"] = tf.zeros([0, 0], tf.int32)
    fallback = tf.data.Dataset.from_tensors((empty, tf.constant(_UNREADABLE)))
    dataset = dataset.ignore_errors().concatenate(fallback).take(1)
    example, problem = dataset.get_single_element()
    problem = tf.where(problem == "", _shape_problem(example), problem)
    message = tf.strings.join(
        ["Damaged example: ", place, ": ", problem, ". Build or copy it again."]
    )
    with tf.control_dependencies([tf.debugging.Assert(problem == "", [message])]):
        example["image"] = tf.identity(example["image"])
    return example


def _shape_problem(example: Example) -> tf.Tensor:
    """Returns what is wrong with the sizes of image and labels."""
    shape = tf.shape(example["image"], tf.int64)[:2]
    num_pixels = tf.reduce_prod(shape)
    problem = tf.where(num_pixels > 0, "", _UNREADABLE)
    too_large = f"its image has more than {MAX_PIXELS:,} pixels"
    problem = tf.where(num_pixels > MAX_PIXELS, too_large, problem)
    if "labels" in example:
        fits = tf.reduce_all(shape == tf.shape(example["labels"], tf.int64))
        problem = tf.where(fits, problem, "image and labels differ in size")
    return problem
