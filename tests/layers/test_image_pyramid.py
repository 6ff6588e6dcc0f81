# Licensed under the Apache License, Version 2.0.
"""Scaled images and merged logits, by hand."""

import keras
import numpy as np
import pytest

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.image_pyramid import ImagePyramidConfig
from deeplab_tf.layers.image_pyramid import MergedLogits, ScaledImages

STYLE = ConvStyle()


def row(values):
    return np.array(values, "float32").reshape(1, 1, -1, 1)


def test_images_are_resized_to_whole_pixels():
    images = np.tile(row(range(8)), (1, 1, 1, 3))
    scaled = ScaledImages(0.5, style=STYLE)(images)
    assert scaled.shape == (1, 1, 4, 3)
    np.testing.assert_allclose(scaled[0, 0, :, 0], [0, 7 / 3, 14 / 3, 7], atol=1e-6)


def test_scaled_images_are_float32_under_any_policy():
    layer = ScaledImages(0.5, style=STYLE, dtype="mixed_bfloat16")
    images = keras.KerasTensor((1, 9, None, 3))
    assert layer.compute_output_spec(images).shape == (1, 5, None, 3)
    scaled = layer(np.full((1, 9, 9, 3), 200.5, "float32"))
    assert scaled.dtype == "float32"
    np.testing.assert_array_equal(scaled, np.full((1, 5, 5, 3), 200.5, "float32"))
    copy = ScaledImages.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("merge", "values"), [("max", [4, 4, 8]), ("average", [2, 2, 4])]
)
def test_logits_are_merged_at_the_size_of_the_largest_scale(merge, values):
    config = ImagePyramidConfig(scales=(0.5, 1.0), merge=merge)
    layer = MergedLogits(config, style=STYLE, stride=4)
    images = np.zeros((1, 1, 9, 3), "float32")
    merged, small, large = layer([images, row([0, 4, 8])[:, :, ::2], row([4, 0, 0])])
    np.testing.assert_allclose(np.ravel(small), [0, 4, 8], atol=1e-6)
    np.testing.assert_allclose(np.ravel(large), [4, 0, 0], atol=1e-6)
    np.testing.assert_allclose(np.ravel(merged), values, atol=1e-6)


def test_merged_logits_know_their_shapes():
    config = ImagePyramidConfig(scales=(0.5, 1.5))
    layer = MergedLogits(config, style=STYLE, stride=4)
    inputs = [
        keras.KerasTensor((2, 33, None, 3)),
        keras.KerasTensor((2, 5, None, 7)),
        keras.KerasTensor((2, 13, None, 7)),
    ]
    shapes = [x.shape for x in layer.compute_output_spec(inputs)]
    assert shapes == [(2, 13, None, 7)] * 3
    copy = MergedLogits.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()


def test_floor_keeps_the_factor_for_each_distance_from_the_edge():
    """Resizing 5 pixels to 2 would take them 2.5 apart."""
    images = np.tile(row([0, 1, 2, 3, 8]), (1, 2, 1, 3))
    layer = ScaledImages(0.5, style=STYLE, rounding="floor")
    np.testing.assert_allclose(layer(images)[0, 0, :, 0], [0.5, 2.5], atol=1e-6)
    assert layer.compute_output_shape((1, 5, None, 3)) == (1, 2, None, 3)


def test_floor_merges_at_the_size_of_the_largest_logits():
    config = ImagePyramidConfig(scales=(1.0, 0.5), rounding="floor")
    layer = MergedLogits(config, style=STYLE, stride=4)
    # Other than the 2 pixels that the stride makes of 8.
    images = np.zeros((1, 1, 8, 3), "float32")
    merged, *_ = layer([images, row([4, 0, 0]), row([3])])
    np.testing.assert_allclose(np.ravel(merged), [4, 3, 3], atol=1e-6)


def test_floor_needs_a_scale_of_at_least_1():
    with pytest.raises(ValueError, match="one of the scales must be at least 1"):
        ImagePyramidConfig(scales=(0.5, 0.75), rounding="floor")
