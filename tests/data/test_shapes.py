# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.shapes."""

import numpy as np
import pytest

from deeplab_tf.data import shapes


def test_same_arguments_draw_the_same_example():
    first, second = (shapes.draw_example("train", index=3) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_split_index_and_seed_all_change_the_example():
    drawn = [
        shapes.draw_example("train", index=3),
        shapes.draw_example("val", index=3),
        shapes.draw_example("train", index=4),
        shapes.draw_example("train", index=3, seed=1),
    ]
    images = {image.tobytes() for image, _ in drawn}
    assert len(images) == 4


@pytest.mark.parametrize("size", [16, 65, 97, 128])
def test_size_and_types(size):
    image, labels = shapes.draw_example("val", index=0, image_size=size)
    assert image.shape == (size, size, 3) and image.dtype == np.uint8
    assert labels.shape == (size, size) and labels.dtype == np.uint8


def test_too_small_an_image_is_an_error():
    with pytest.raises(ValueError, match="image_size"):
        shapes.draw_example("val", index=0, image_size=8)


def test_all_classes_occur_rings_rarely_and_lines_thinly():
    labels = [shapes.draw_example("val", index=i)[1] for i in range(150)]
    pixels = np.bincount(np.stack(labels).ravel(), minlength=256)
    images = np.bincount(
        np.concatenate([np.unique(each) for each in labels]), minlength=256
    )
    assert set(np.flatnonzero(pixels)) == {*range(6), shapes.IGNORE_LABEL}
    assert images[shapes.RING] == images[:6].min()
    assert pixels[shapes.LINE] < 0.25 * pixels[shapes.DISC]
    assert images[shapes.LINE] > images[shapes.RING]
    assert 0.4 < pixels[shapes.BACKGROUND] / pixels.sum() < 0.85
    assert 0.02 < pixels[shapes.IGNORE_LABEL] / pixels.sum() < 0.12


def test_a_border_is_ignored_between_objects_and_background():
    # Walking along rows, background never meets an object without a border.
    for index in range(20):
        labels = shapes.draw_example("train", index=index)[1].astype(int)
        left, right = labels[:, :-1], labels[:, 1:]
        meets = (left != right) & (left != 255) & (right != 255)
        assert not meets.any()


def test_colour_alone_does_not_tell_the_class():
    # The mean colours of a class scatter more than the classes lie apart in at least
    # one pair, so a network must look at the shape.
    means = {label: [] for label in range(1, 6)}
    for index in range(120):
        image, labels = shapes.draw_example("train", index=index)
        for label in np.unique(labels[(labels > 0) & (labels < 6)]):
            means[label].append(image[labels == label].mean(axis=0))
    points = [(label, point) for label in means for point in means[label]]
    colors = np.array([point for _, point in points])
    classes = np.array([label for label, _ in points])
    distances = np.linalg.norm(colors[:, np.newaxis] - colors, axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = classes[distances.argmin(axis=1)]
    assert 0.2 < (nearest == classes).mean() < 0.85
