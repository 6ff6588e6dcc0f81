# Licensed under the Apache License, Version 2.0.
"""Separable convolution in one piece, hand-computed."""

import numpy as np
import pytest

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.layers.separable_conv import SeparableConv

IDENTITY = ConvStyle(norm_epsilon=0.0, padding="explicit")
ROW = np.array([1.0, -2.0, 3.0, 4.0], "float32").reshape(1, 1, 4, 1)


def convolve(*, pointwise=2.0, **options):
    """Returns the sums of three neighbours times `pointwise`."""
    layer = SeparableConv(1, style=IDENTITY, **options)
    layer.build(ROW.shape)
    layer.depthwise_kernel.assign(np.ones((3, 3, 1, 1), "float32"))
    layer.pointwise.kernel.assign(np.full((1, 1, 1, 1), pointwise, "float32"))
    return np.asarray(layer(ROW))[0, 0, :, 0]


def test_nothing_stands_between_the_parts():
    np.testing.assert_allclose(convolve(), [-2, 4, 10, 14])
    # A rectified sum would have no negative part left to be turned.
    np.testing.assert_allclose(
        convolve(pointwise=-2.0, activation="relu"), [2, 0, 0, 0]
    )


def test_stride_is_that_of_stride_one_subsampled():
    np.testing.assert_allclose(convolve(stride=2), [-2, 10])


def test_it_has_one_norm():
    layer = SeparableConv(5, style=IDENTITY)
    layer.build((1, 4, 4, 3))
    shapes = {weight.path.split("/", 1)[1]: weight.shape for weight in layer.weights}
    assert shapes["depthwise_kernel"] == (3, 3, 3, 1)
    assert shapes["pointwise/kernel"] == (1, 1, 3, 5)
    assert len(shapes) == 6


def test_impossible_stride_is_refused():
    with pytest.raises(ValueError, match="stride must be at least 1, got 0"):
        SeparableConv(1, style=IDENTITY, stride=0)
