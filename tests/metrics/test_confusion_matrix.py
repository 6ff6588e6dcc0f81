# Licensed under the Apache License, Version 2.0.
"""Confusion matrices and scores: hand-computed, then the original's."""

import math

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.metrics import confusion_matrix as metric


def count(labels, predictions, num_classes=3, ignore_label=255):
    return metric.confusion_matrix(
        labels, predictions, num_classes=num_classes, ignore_label=ignore_label
    )


def test_rows_are_labels_and_columns_predictions():
    matrix = count(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]))
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 1, 0], [1, 0, 0]])
    assert matrix.dtype == np.int64


def test_ignored_pixels_do_not_count_whatever_was_predicted():
    matrix = count(np.array([0, 255, 255]), np.array([0, 1, 99]))
    assert matrix.sum() == 1


def test_ignore_label_may_be_a_class():
    matrix = count(np.array([0, 1, 1]), np.array([0, 1, 2]), ignore_label=1)
    np.testing.assert_array_equal(matrix, np.diag([1, 0, 0]))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_uint8_does_not_overflow(dtype):
    labels = np.full((2, 3), 100, dtype)
    assert count(labels, labels, num_classes=150)[100, 100] == 6


def test_tensors_count_like_arrays():
    labels, predictions = np.array([[0, 1], [2, 255]]), np.array([[0, 2], [2, 0]])
    np.testing.assert_array_equal(
        count(tf.constant(labels), tf.constant(predictions, tf.int32)),
        count(labels, predictions),
    )


def test_empty_image_gives_zeros():
    np.testing.assert_array_equal(
        count(np.zeros((0, 4), int), np.zeros((0, 4), int)), np.zeros((3, 3))
    )


def test_unknown_label_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"3 classes \(0 to 2\).* 255, got 7 \(2 pix"):
        count(np.array([0, 7, 7]), np.array([0, 0, 0]))


def test_negative_label_is_an_error():
    with pytest.raises(ValueError, match=r"got -1 \(1 pixels\)"):
        count(np.array([0, -1]), np.array([0, 0]))


def test_unknown_prediction_is_an_error():
    with pytest.raises(ValueError, match=r"Predictions .* got 3 \(1 pixels\)"):
        count(np.array([0, 1]), np.array([0, 3]))


def test_different_shapes_are_an_error():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        count(np.zeros(2, int), np.zeros(3, int))


def test_scores_of_a_matrix_by_hand():
    scores = metric.compute_scores(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    # Class 2 is neither in the labels nor in the predictions.
    assert scores.class_iou[:2] == (3 / 6, 4 / 7)
    assert math.isnan(scores.class_iou[2])
    assert scores.class_accuracy[:2] == (3 / 4, 4 / 6)
    assert math.isnan(scores.class_accuracy[2])
    assert scores.class_pixels == (4, 6, 0)
    assert scores.mean_iou == pytest.approx((3 / 6 + 4 / 7) / 2)
    assert scores.mean_accuracy == pytest.approx((3 / 4 + 4 / 6) / 2)
    assert scores.pixel_accuracy == pytest.approx(7 / 10)
    assert scores.num_pixels == 10


def test_class_that_is_only_predicted_counts_with_zero():
    scores = metric.compute_scores(np.array([[1, 1], [0, 0]]))
    assert scores.class_iou == (0.5, 0.0)
    assert scores.mean_iou == 0.25
    assert scores.mean_accuracy == 0.5


def test_empty_matrix_scores_zero():
    scores = metric.compute_scores(np.zeros((2, 2), np.int64))
    assert (scores.mean_iou, scores.mean_accuracy, scores.pixel_accuracy) == (0, 0, 0)


@pytest.mark.reference
def test_matrix_and_mean_iou_are_those_of_the_original(reference):
    values = np.load(reference / "reference" / "official" / "functions.npz")
    matrix = np.zeros((6, 6), np.int64)
    for batch in range(3):
        matrix += count(
            values["mean_iou/labels"][batch],
            values["mean_iou/predictions"][batch],
            num_classes=6,
        )
        np.testing.assert_array_equal(matrix, values["mean_iou/confusion"][batch])
        scores = metric.compute_scores(matrix)
        # The original sums up in float32, ours in float64.
        expected = float(values["mean_iou/value"][batch])
        assert scores.mean_iou == pytest.approx(expected, rel=1e-7)
