# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.augment."""

import json

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data import augment

MOBILENET_PIXEL = (127.5, 127.5, 127.5)
RESNET_PIXEL = (123.15, 115.9, 103.06)


def example_of(image, labels):
    return {
        "image": tf.constant(image),
        "labels": tf.constant(labels, tf.int32),
        "image_name": tf.constant("a"),
    }


def counted(height, width):
    """An example in which image and labels say where a pixel came from."""
    labels = np.arange(height * width).reshape(height, width)
    image = np.repeat(labels[:, :, np.newaxis], 3, axis=2).astype(np.float32)
    return example_of(image, labels)


class Recorded:
    """The recorded preprocessing of the original."""

    def __init__(self, folder):
        self.arrays = np.load(folder / "functions.npz")
        self.facts = json.loads((folder / "functions.json").read_text())
        image = self.arrays["preprocess/image"]
        self.example = example_of(image, self.arrays["preprocess/label"][:, :, 0])

    def options(self, name):
        return self.facts[f"preprocess/{name}/image"]["options"]

    def check(self, example, name):
        image = self.arrays[f"preprocess/{name}/image"]
        labels = self.arrays[f"preprocess/{name}/label"][:, :, 0]
        assert example["image"].dtype == tf.float32
        np.testing.assert_allclose(example["image"], image, atol=255e-6)
        np.testing.assert_array_equal(example["labels"], labels)


@pytest.fixture(scope="module")
def recorded(reference):
    return Recorded(reference / "reference" / "official")


@pytest.mark.reference
@pytest.mark.parametrize("number", range(4))
def test_resize_to_range_equals_the_original(recorded, number):
    name = f"resize_to_range_{number}"
    options = recorded.options(name)
    recorded.check(augment.resize_to_range(recorded.example, **options), name)


@pytest.mark.reference
@pytest.mark.parametrize("factor", ["0.5", "0.75", "1.25", "1.75", "2"])
def test_scale_equals_the_original(recorded, factor):
    scaled = augment.scale(recorded.example, factor=float(factor))
    recorded.check(scaled, f"scale_{factor}")


@pytest.mark.reference
def test_pad_equals_the_original(recorded):
    options = recorded.options("pad")
    padded = augment.pad(
        recorded.example,
        height=options["target_height"],
        width=options["target_width"],
        offset_height=options["offset_height"],
        offset_width=options["offset_width"],
        padding_pixel=tuple(options["pad_value"]),
        ignore_label=options["label_pad"],
    )
    recorded.check(padded, "pad")


@pytest.mark.reference
def test_crop_equals_the_original(recorded):
    options = recorded.options("crop")
    example = dict(recorded.example)
    example["image"] = tf.cast(example["image"], tf.float32)
    cropped = augment.crop(
        example,
        offset_height=options["offset_height"],
        offset_width=options["offset_width"],
        crop_size=(options["crop_height"], options["crop_width"]),
    )
    recorded.check(cropped, "crop")


@pytest.mark.reference
def test_evaluation_padding_equals_the_original(recorded):
    padded = augment.pad_to_crop(
        recorded.example,
        crop_size=(49, 65),
        padding_pixel=MOBILENET_PIXEL,
        ignore_label=255,
    )
    recorded.check(padded, "eval_pad")


@pytest.mark.reference
def test_evaluation_resizing_and_padding_equals_the_original(recorded):
    resized = augment.resize_to_range(
        recorded.example, min_size=30, max_size=49, factor=16
    )
    padded = augment.pad_to_crop(
        resized, crop_size=(49, 65), padding_pixel=RESNET_PIXEL, ignore_label=255
    )
    recorded.check(padded, "eval_resize_pad")


def test_scale_truncates_sizes():
    scaled = augment.scale(counted(5, 7), factor=1.25)
    assert scaled["image"].shape == (6, 8, 3)
    assert scaled["labels"].shape == (6, 8)


def test_scale_leaves_a_side_of_one_pixel():
    example = {"image": tf.zeros([1, 5, 3]), "labels": tf.zeros([1, 5], tf.int32)}
    scaled = augment.scale(example, factor=0.5)
    assert scaled["image"].shape == (1, 2, 3)
    assert scaled["labels"].shape == (1, 2)


def test_scaling_keeps_the_corners():
    labels = augment.scale(counted(5, 7), factor=2.0)["labels"].numpy()
    assert [labels[0, 0], labels[0, -1], labels[-1, 0], labels[-1, -1]] == [
        0,
        6,
        28,
        34,
    ]


def test_padding_surrounds_with_colour_and_ignore_label():
    example = example_of(np.zeros((1, 1, 3), np.uint8), [[4]])
    padded = augment.pad(
        example,
        height=2,
        width=3,
        offset_width=1,
        padding_pixel=(1.0, 2.0, 3.0),
        ignore_label=9,
    )
    np.testing.assert_array_equal(padded["labels"], [[9, 4, 9], [9, 9, 9]])
    np.testing.assert_array_equal(padded["image"][0, 1], [0, 0, 0])
    np.testing.assert_array_equal(padded["image"][1, 2], [1, 2, 3])


def test_padding_to_a_crop_lengthens_only_the_short_side():
    padded = augment.pad_to_crop(
        counted(5, 9), crop_size=(7, 7), padding_pixel=MOBILENET_PIXEL, ignore_label=9
    )
    assert padded["image"].shape == (7, 9, 3)
    assert padded["labels"].shape == (7, 9)


def test_flip_mirrors_image_and_labels_alike():
    flipped = augment.flip(counted(2, 3))
    np.testing.assert_array_equal(flipped["labels"], [[2, 1, 0], [5, 4, 3]])
    np.testing.assert_array_equal(flipped["image"][:, :, 1], flipped["labels"])


def test_random_crop_reaches_every_place_and_keeps_image_and_labels_together():
    corners = set()
    for number in range(60):
        cropped = augment.random_crop(
            counted(4, 5), tf.constant([1, number]), crop_size=(3, 3)
        )
        np.testing.assert_array_equal(cropped["image"][:, :, 0], cropped["labels"])
        corners.add(int(cropped["labels"][0, 0]))
    assert corners == {0, 1, 2, 5, 6, 7}


def test_random_scale_draws_every_step_of_the_range():
    heights = {
        augment.random_scale(
            counted(8, 8),
            tf.constant([number, 0]),
            min_factor=0.5,
            max_factor=2.0,
            step_size=0.25,
        )["image"].shape[0]
        for number in range(80)
    }
    assert heights == {4, 6, 8, 10, 12, 14, 16}


def test_random_scale_without_steps_stays_in_the_range():
    heights = [
        augment.random_scale(
            counted(100, 8),
            tf.constant([number, 0]),
            min_factor=0.5,
            max_factor=2.0,
            step_size=0,
        )["image"].shape[0]
        for number in range(30)
    ]
    assert min(heights) >= 50 and max(heights) <= 200
    assert len(set(heights)) > 15


def test_random_flip_follows_its_probability():
    def is_flipped(number, probability):
        flipped = augment.random_flip(
            counted(1, 2), tf.constant([number, 5]), probability=probability
        )
        return int(flipped["labels"][0, 0]) == 1

    assert all(is_flipped(number, 1.0) for number in range(20))
    assert not any(is_flipped(number, 0.0) for number in range(20))
    assert 10 < sum(is_flipped(number, 0.5) for number in range(40)) < 30


def test_images_without_labels_pass_through():
    example = counted(6, 6)
    del example["labels"]
    seed = tf.constant([1, 2])
    example = augment.resize_to_range(example, min_size=8)
    example = augment.pad_to_crop(
        example, crop_size=(9, 9), padding_pixel=MOBILENET_PIXEL, ignore_label=9
    )
    example = augment.random_crop(example, seed, crop_size=(9, 9))
    example = augment.random_flip(example, seed, probability=0.5)
    assert example["image"].shape == (9, 9, 3)
    assert set(example) == {"image", "image_name"}
