# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.metrics.confusion_matrix import confusion_matrix
from deeplab_tf.metrics.trimap import Trimap

VOID = 255
# An object of class 1 with void around it, and far from it a class that touches.
ROW = [0, 0, 0, 0, VOID, 1, 1, 1, 1, 1, 2]


def bands_of(labels, *, ignore_label=VOID, **options):
    return Trimap(**options).bands(np.asarray(labels), ignore_label=ignore_label)


def brute_force(labels, predictions, width, *, around, num_classes):
    """Counts by looking at the square around each pixel."""
    matrix = np.zeros([num_classes, num_classes], np.int64)
    height, columns = labels.shape
    for y in range(height):
        for x in range(columns):
            if labels[y, x] == VOID:
                continue
            square = labels[
                max(0, y - width) : y + width + 1, max(0, x - width) : x + width + 1
            ]
            other = square == VOID if around == "void" else square != labels[y, x]
            if other.any():
                matrix[labels[y, x], predictions[y, x]] += 1
    return matrix


def test_void_bands_by_hand():
    bands = bands_of([ROW], widths=(1, 2, 4), around="void")
    np.testing.assert_array_equal(bands, [[2, 2, 1, 0, 3, 0, 1, 2, 2, 3, 3]])


def test_label_bands_by_hand():
    bands = bands_of([ROW], widths=(1, 2, 4), around="labels")
    np.testing.assert_array_equal(bands, [[2, 2, 1, 0, 3, 0, 1, 2, 1, 0, 0]])


def test_bands_are_square():
    labels = np.zeros((7, 7), int)
    labels[3, 3] = VOID
    bands = bands_of(labels, widths=(2,), around="void")
    expected = np.ones((7, 7), int)
    expected[1:6, 1:6] = 0
    expected[3, 3] = 1
    np.testing.assert_array_equal(bands, expected)


def test_counts_by_hand():
    trimap = Trimap(widths=(1, 2), around="void")
    labels = np.array([[0, 0, 0, VOID, 1, 1, 1]])
    predictions = np.array([[1, 1, 0, 1, 1, 0, 1]])
    counts = trimap.count(labels, predictions, num_classes=2, ignore_label=VOID)
    # The pixels next to the void are right; the next ones wrong, the last ones out.
    np.testing.assert_array_equal(counts[0], [[1, 0], [0, 1]])
    np.testing.assert_array_equal(counts[1], [[1, 1], [1, 1]])


@pytest.mark.parametrize("around", ["void", "labels"])
@pytest.mark.parametrize("size", [(1, 1), (1, 12), (17, 13)])
def test_counts_are_those_of_brute_force(size, around):
    generator = np.random.default_rng(3)
    labels = np.array([0, 1, 2, VOID])[generator.integers(0, 60, size) // 57]
    labels = np.maximum.accumulate(labels, axis=1)
    predictions = generator.integers(0, 3, size)
    widths = (1, 2, 5, 30)
    counts = Trimap(widths=widths, around=around).count(
        labels, predictions, num_classes=3, ignore_label=VOID
    )
    for width, matrix in zip(widths, counts, strict=True):
        expected = brute_force(labels, predictions, width, around=around, num_classes=3)
        np.testing.assert_array_equal(matrix, expected)


def test_images_of_a_batch_count_as_each_alone():
    generator = np.random.default_rng(4)
    labels = generator.integers(0, 90, (3, 9, 10)) // 88
    predictions = generator.integers(0, 2, (3, 9, 10))
    options = {"num_classes": 2, "ignore_label": VOID}
    trimap = Trimap(widths=(1, 3))
    pairs = zip(labels, predictions, strict=True)
    alone = [trimap.count(*pair, **options) for pair in pairs]
    batched = trimap.count(tf.constant(labels), tf.constant(predictions), **options)
    np.testing.assert_array_equal(batched, sum(alone))


def test_wide_band_is_the_image():
    labels = np.array([[0] * 20 + [1] * 30])
    predictions = np.arange(50).reshape(1, 50) % 2
    options = {"num_classes": 2, "ignore_label": VOID}
    counts = Trimap(widths=(1, 1000)).count(labels, predictions, **options)
    expected = confusion_matrix(labels, predictions, **options)
    np.testing.assert_array_equal(counts[1], expected)


@pytest.mark.parametrize(
    ("labels", "around"),
    [([[3, 3], [3, 3]], "labels"), ([[0, 1], [2, 3]], "void"), ([[VOID] * 4], "void")],
    ids=["one label", "no void", "all void"],
)
def test_without_boundary_no_pixel_counts(labels, around):
    trimap = Trimap(widths=(1, 2), around=around)
    counts = trimap.count(
        np.array(labels), np.zeros_like(labels), num_classes=4, ignore_label=VOID
    )
    np.testing.assert_array_equal(counts, np.zeros((2, 4, 4)))


def test_ignore_label_may_be_a_class():
    bands = bands_of([[1, 1, 0, 2, 2]], widths=(1,), around="void", ignore_label=0)
    np.testing.assert_array_equal(bands, [[1, 0, 1, 0, 1]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": ()}, r"one or more integers, got \(\)"),
        ({"widths": (1, 2.5)}, "integers, got"),
        ({"widths": (0, 1)}, "at least 1, got 0"),
        ({"widths": (1, 4, 2)}, r"must ascend, each given once, got \(1, 4, 2\)"),
        ({"widths": (1, 1)}, "must ascend"),
        ({"around": "edges"}, "one of labels, void, got 'edges'"),
    ],
    ids=str,
)
def test_options_that_make_no_trimap_are_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        Trimap(**options)


def test_labels_without_an_image_are_an_error():
    with pytest.raises(ValueError, match=r"height, width\], got shape \(3,\)"):
        bands_of([0, 1, 2])


def test_unknown_label_is_an_error():
    with pytest.raises(ValueError, match=r"got 7 \(1 pixels\)"):
        Trimap().count(
            np.array([[0, 7]]), np.array([[0, 0]]), num_classes=3, ignore_label=VOID
        )


@pytest.mark.reference
@pytest.mark.parametrize("name", ["voc_1", "voc_23"])
def test_both_definitions_agree_on_annotations_of_voc(name, reference):
    path = reference / "reference" / "trained" / "masks" / f"{name}.png"
    labels = np.asarray(Image.open(path))
    np.testing.assert_array_equal(
        bands_of(labels, around="void"), bands_of(labels, around="labels")
    )
