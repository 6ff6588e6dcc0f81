# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.example_checks."""

import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data import example_checks, label_files
from deeplab_tf.data.catalog.shapes import SHAPES

IDS = np.array([[0, 1], [5, 255]], np.uint8)
PLACE = "a.tfrecord, record at byte 0"


def encode(image, image_format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


def text(tensor):
    return tensor.numpy().decode()


def test_one_channel_of_eight_bits_is_no_problem():
    encoded = tf.constant(label_files.encode_labels(IDS))
    assert text(example_checks.labels_problem(encoded)) == ""


@pytest.mark.parametrize("mode", ["P", "1", "I;16", "LA", "RGB"])
def test_other_kinds_of_png_are_no_labels(mode):
    image = Image.fromarray(IDS.astype(np.uint16 if mode == "I;16" else np.uint8))
    encoded = encode(image if mode == "I;16" else image.convert(mode))
    problem = text(example_checks.labels_problem(tf.constant(encoded)))
    assert "no PNG with one channel of 8 bits" in problem


def test_jpeg_is_no_labels():
    encoded = encode(Image.fromarray(IDS), "JPEG")
    problem = text(example_checks.labels_problem(tf.constant(encoded)))
    assert "no PNG" in problem


@pytest.mark.parametrize(
    ("ignore_label", "ids", "largest"),
    [
        (255, [0, 5, 255], None),
        (255, [0, 6, 255], 6),
        (255, [254], 254),
        (0, [0, 5], None),
        (0, [0, 255], 255),
        (6, [5, 6], None),
        (6, [6, 7], 7),
        (100, [5, 100], None),
        (100, [100, 101], 101),
        (100, [99, 100], 99),
        (255, [255], None),
        (6, [6], None),
    ],
)
def test_ids_are_classes_or_the_ignore_label(ignore_label, ids, largest):
    info = dataclasses.replace(SHAPES, ignore_label=ignore_label)
    problem = example_checks.ids_problem(tf.constant([ids], tf.uint8), info=info)
    expected = ""
    if largest is not None:
        expected = (
            f"its labels hold id {largest}, which is neither a class (0 to 5) nor the "
            f"ignore label ({ignore_label})"
        )
    assert text(problem) == expected


def test_without_a_data_set_any_ids_will_do():
    labels = tf.constant([[200]], tf.uint8)
    assert text(example_checks.ids_problem(labels, info=None)) == ""


def check(image, labels=None, problem=""):
    example = {"image": image, "image_name": tf.constant("a")}
    if labels is not None:
        example["labels"] = labels
    dataset = tf.data.Dataset.from_tensors((example, tf.constant(problem)))
    return example_checks.first_or_error(
        dataset, place=tf.constant(PLACE), with_labels=labels is not None
    )


def zeros(*shape, dtype=tf.uint8):
    return tf.zeros(shape, dtype)


def test_sound_example_is_returned():
    example = check(zeros(2, 3, 3), zeros(2, 3, dtype=tf.int32))
    assert example["image"].shape == (2, 3, 3)
    assert example["labels"].shape == (2, 3)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"image": zeros(0, 3, 3)}, "its checksum, image or labels cannot be read"),
        (
            {"image": zeros(2, 3, 3), "labels": zeros(3, 2, dtype=tf.int32)},
            "image and labels differ in size",
        ),
        ({"image": zeros(2, 3, 3), "problem": "its labels are odd"}, "its labels are"),
        ({"image": zeros(5, 2, 3)}, "its image has more than 9 pixels"),
    ],
    ids=["empty", "sizes", "problem", "pixels"],
)
def test_unfit_example_is_an_error_with_its_place(options, reason, monkeypatch):
    monkeypatch.setattr(example_checks, "MAX_PIXELS", 9)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        check(**options)
    message = f"Damaged example: {PLACE}: {reason}"
    assert message in str(caught.value)
    assert "Build or copy it again." in str(caught.value)
