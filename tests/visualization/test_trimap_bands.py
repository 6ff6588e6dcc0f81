# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from deeplab_tf.visualization.trimap_bands import draw_trimap, trimap_legend


def test_bands_have_the_colours_of_the_legend():
    widths = (1, 4, 8)
    bands = np.array([[0, 1, 2, 3]])
    picture = draw_trimap(np.zeros([1, 4, 3], np.uint8), bands, num_bands=3, alpha=1)
    colors = [color for _, color in trimap_legend(widths)]
    np.testing.assert_array_equal(picture[0, :3], colors[:3])
    # What does not count is the image, grey and pale.
    np.testing.assert_array_equal(picture[0, 3], [140, 140, 140])


def test_void_is_white():
    picture = draw_trimap(
        np.zeros([1, 2, 3], np.uint8),
        np.array([[1, 1]]),
        num_bands=1,
        is_void=np.array([[False, True]]),
    )
    np.testing.assert_array_equal(picture[0], [[140, 140, 140], [255, 255, 255]])


def test_legend_says_which_pixels_a_colour_holds():
    names = [name for name, _ in trimap_legend((1, 2, 4, 16))]
    assert names == ["1 pixels", "2", "3 to 4", "5 to 16", "void"]


def test_bands_of_another_size_are_an_error():
    with pytest.raises(ValueError, match=r"\(2, 3\), got \(3, 2\)"):
        draw_trimap(np.zeros([2, 3, 3], np.uint8), np.zeros([3, 2], int), num_bands=1)
