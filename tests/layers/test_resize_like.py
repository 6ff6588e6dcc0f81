# Licensed under the Apache License, Version 2.0.
"""Resizing to the size of another map, hand-computed."""

import numpy as np
import pytest

from deeplab_tf.layers.resize_like import ResizeLike

ROW = np.array([0.0, 4.0, 8.0], "float32").reshape(1, 1, 3, 1)


def like(width):
    return np.zeros((1, 1, width, 2), "float32")


@pytest.mark.parametrize(
    ("scale", "width", "expected"),
    [
        (1.0, 3, [0, 4, 8]),
        (1.0, 5, [0, 2, 4, 6, 8]),
        # (5 - 1) / 2 + 1 and (4 - 1) / 2 + 1, rounded down.
        (0.5, 5, [0, 4, 8]),
        (0.5, 4, [0, 8]),
        (2.0, 3, [0, 2, 4, 6, 8]),
    ],
)
def test_corners_stay_where_they_are(scale, width, expected):
    y = ResizeLike(scale=scale)([ROW, like(width)])
    np.testing.assert_allclose(np.asarray(y)[0, 0, :, 0], expected)


def test_other_conventions_sample_elsewhere():
    y = ResizeLike(convention="half_pixel")([ROW, like(6)])
    np.testing.assert_allclose(np.asarray(y)[0, 0, :, 0], [0, 1, 3, 5, 7, 8])
