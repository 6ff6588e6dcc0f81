# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from deeplab_tf.metrics import label_edges


def brute_force(labels, distance):
    """Compares each pixel with all pixels of the square around."""
    height, width = labels.shape
    near = np.zeros(labels.shape, bool)
    for y in range(height):
        for x in range(width):
            square = labels[
                max(0, y - distance) : y + distance + 1,
                max(0, x - distance) : x + distance + 1,
            ]
            near[y, x] = (square != labels[y, x]).any()
    return near


@pytest.mark.parametrize("distance", [1, 2, 3, 5, 40])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (13, 17)])
def test_near_is_within_the_square_around(size, distance):
    labels = np.random.default_rng(0).integers(0, 40, size) // 38
    np.testing.assert_array_equal(
        label_edges.near_other_label(labels, distance=distance),
        brute_force(labels, distance),
    )


def test_images_of_a_batch_do_not_touch():
    batch = np.random.default_rng(1).integers(0, 40, (3, 8, 9)) // 38
    near = label_edges.near_other_label(batch, distance=2)
    for image, expected in zip(batch, near, strict=True):
        np.testing.assert_array_equal(brute_force(image, 2), expected)


def test_one_label_has_no_edge():
    near = label_edges.near_other_label(np.ones((4, 5), int), distance=9)
    assert not near.any()


def test_corners_touch():
    labels = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1]])
    near = label_edges.near_other_label(labels, distance=1)
    np.testing.assert_array_equal(near, [[0, 0, 0], [0, 1, 1], [0, 1, 1]])


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 4, 7])
def test_dilation_makes_a_square(radius):
    mask = np.zeros((11, 12), bool)
    mask[5, 6] = True
    rows, columns = np.indices(mask.shape)
    expected = np.maximum(abs(rows - 5), abs(columns - 6)) <= radius
    np.testing.assert_array_equal(label_edges.dilate(mask, radius=radius), expected)


def test_dilations_add_up():
    mask = np.random.default_rng(2).integers(0, 60, (20, 21)) == 0
    twice = label_edges.dilate(label_edges.dilate(mask, radius=2), radius=3)
    np.testing.assert_array_equal(twice, label_edges.dilate(mask, radius=5))


def test_empty_map_stays_empty():
    assert label_edges.dilate(np.zeros((0, 4), bool), radius=3).shape == (0, 4)
    assert label_edges.near_border(0, 4, distance=2).shape == (0, 4)


def test_border_is_as_deep_as_the_distance():
    expected = np.ones((5, 6), bool)
    expected[2, 2:4] = False
    np.testing.assert_array_equal(label_edges.near_border(5, 6, distance=2), expected)
    assert label_edges.near_border(5, 6, distance=3).all()
