# Licensed under the Apache License, Version 2.0.
import math

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.metrics.boundary_iou import BoundaryIoU, compute_boundary_scores
from deeplab_tf.metrics.confusion_matrix import compute_scores, confusion_matrix

VOID = 255


def count(labels, predictions, *, num_classes=3, ignore_label=VOID, ratio=0.02):
    return BoundaryIoU(dilation_ratio=ratio).count(
        labels, predictions, num_classes=num_classes, ignore_label=ignore_label
    )


def brute_force(labels, predictions, *, num_classes, distance):
    """Erodes the mask of each class step by step, one ring of zeros around it."""
    counts = np.zeros([3, num_classes], np.int64)
    for class_id in range(num_classes):
        regions = []
        for ids in (labels, predictions):
            mask = (ids == class_id) & (labels != VOID)
            eroded = np.pad(mask, 1)
            for _ in range(distance):
                kept = np.zeros_like(eroded)
                for y in range(1, eroded.shape[0] - 1):
                    for x in range(1, eroded.shape[1] - 1):
                        kept[y, x] = eroded[y - 1 : y + 2, x - 1 : x + 2].all()
                eroded = kept
            regions.append(mask & ~eroded[1:-1, 1:-1])
        truth, found = regions
        counts[:, class_id] = (truth & found).sum(), truth.sum(), found.sum()
    return counts


def blobs(seed, size, num_ids):
    """Labels in connected regions, as of the nearest of some random points."""
    generator = np.random.default_rng(seed)
    points = generator.uniform(0, 1, (6, 2)) * size
    rows, columns = np.indices(size)
    distances = [(rows - y) ** 2 + (columns - x) ** 2 for y, x in points]
    return np.arange(6)[np.argmin(distances, axis=0)] % num_ids


def test_counts_by_hand():
    # A diagonal of 11.6 pixels: regions are one pixel deep.
    labels = np.zeros((5, 10), int)
    labels[:, 5:] = 1
    predictions = np.zeros((5, 10), int)
    predictions[:, 6:] = 1
    both, truth, found = count(labels, predictions, num_classes=2)
    # The frames of a square of 5 x 5, and of what is one column wider or narrower.
    np.testing.assert_array_equal(truth, [16, 16])
    np.testing.assert_array_equal(found, [18, 14])
    # The square's column next to the edge is shared but for its inner three pixels.
    np.testing.assert_array_equal(both, [13, 11])
    scores = compute_boundary_scores(np.array([both, truth, found]))
    assert scores.class_iou == pytest.approx((13 / 21, 11 / 19))
    assert scores.mean_iou == pytest.approx((13 / 21 + 11 / 19) / 2)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 14), (17, 12)])
@pytest.mark.parametrize("ratio", [0.02, 0.1, 0.2])
def test_counts_are_those_of_erosions(size, ratio):
    labels, predictions = blobs(0, size, 4), blobs(1, size, 3)
    labels[labels == 3] = VOID
    distance = max(1, round(ratio * np.sqrt(size[0] ** 2 + size[1] ** 2)))
    np.testing.assert_array_equal(
        count(labels, predictions, ratio=ratio),
        brute_force(labels, predictions, num_classes=3, distance=distance),
    )


def test_images_of_a_batch_count_as_each_alone():
    labels = np.stack([blobs(seed, (9, 11), 3) for seed in range(3)])
    predictions = np.stack([blobs(seed, (9, 11), 3) for seed in range(3, 6)])
    alone = [count(*pair) for pair in zip(labels, predictions, strict=True)]
    batched = count(tf.constant(labels), tf.constant(predictions))
    np.testing.assert_array_equal(batched, sum(alone))


def test_truth_scores_one_whatever_is_predicted_under_the_void():
    labels = blobs(0, (20, 30), 4)
    is_void = labels == 3
    predictions = np.where(is_void, np.arange(30) % 3, labels)
    counts = count(np.where(is_void, VOID, labels), predictions, ratio=0.05)
    assert compute_boundary_scores(counts).class_iou == (1, 1, 1)


def test_deep_regions_give_the_plain_iou():
    labels, predictions = blobs(0, (20, 30), 4), blobs(1, (20, 30), 3)
    labels[labels == 3] = VOID
    matrix = confusion_matrix(labels, predictions, num_classes=3, ignore_label=VOID)
    scores = compute_boundary_scores(count(labels, predictions, ratio=1))
    assert scores.class_iou == compute_scores(matrix).class_iou


def test_enlarged_images_score_the_same():
    labels, predictions = blobs(0, (30, 40), 3), blobs(1, (30, 40), 3)

    def enlarge(ids):
        return ids.repeat(3, axis=0).repeat(3, axis=1)

    # 2 pixels of the diagonal of 50, and 6 of that of 150.
    small = count(labels, predictions, ratio=0.04)
    large = count(enlarge(labels), enlarge(predictions), ratio=0.04)
    np.testing.assert_array_equal(large, 9 * small)


def test_a_thin_error_costs_more_than_of_the_plain_iou():
    labels, predictions = np.zeros((2, 100, 100), int)
    labels[20:80, 20:80] = 1
    predictions[22:78, 22:78] = 1
    scores = compute_boundary_scores(count(labels, predictions, num_classes=2))
    matrix = confusion_matrix(labels, predictions, num_classes=2, ignore_label=VOID)
    assert compute_scores(matrix).class_iou[1] == pytest.approx(56**2 / 60**2)
    # Of depth 3: frames of 60 and 56 pixels, which share a frame 1 pixel deep.
    both, truth, found = 4 * 55, 60**2 - 54**2, 56**2 - 50**2
    assert scores.class_iou[1] == pytest.approx(both / (truth + found - both))


def test_absent_class_has_no_score():
    scores = compute_boundary_scores(count(np.zeros((4, 4), int), np.ones((4, 4), int)))
    assert scores.class_iou[:2] == (0, 0)
    assert math.isnan(scores.class_iou[2])
    assert scores.mean_iou == 0


def test_image_without_labels_adds_nothing():
    counts = count(np.full((4, 5), VOID), np.zeros((4, 5), int))
    np.testing.assert_array_equal(counts, np.zeros((3, 3)))
    assert compute_boundary_scores(counts).mean_iou == 0


def test_ignore_label_may_be_a_class_that_is_predicted():
    counts = count(np.array([[0, 1, 1]]), np.array([[2, 0, 1]]), ignore_label=0)
    np.testing.assert_array_equal(counts, [[0, 1, 0], [0, 2, 0], [1, 1, 0]])


@pytest.mark.parametrize(
    ("ratio", "size", "expected"),
    [(0.02, (375, 500), 12), (0.02, (513, 513), 15), (0.02, (5, 5), 1)],
)
def test_distance_is_a_share_of_the_diagonal(ratio, size, expected):
    assert BoundaryIoU(dilation_ratio=ratio).distance(*size) == expected


@pytest.mark.parametrize("ratio", [0, -0.02, math.nan, math.inf])
def test_ratio_must_be_positive(ratio):
    with pytest.raises(ValueError, match="must be a positive number"):
        BoundaryIoU(dilation_ratio=ratio)


def test_labels_without_an_image_are_an_error():
    with pytest.raises(ValueError, match=r"got shape \(2,\)"):
        count(np.zeros(2, int), np.zeros(2, int))


def test_unknown_prediction_is_an_error():
    with pytest.raises(ValueError, match=r"Predictions .* got 9 \(1 pixels\)"):
        count(np.array([[0]]), np.array([[9]]))
