# Licensed under the Apache License, Version 2.0.
"""Image pooling: the whole map, windows, strides; hand-computed."""

import numpy as np
import pytest

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.layers.image_pooling import ImagePooling
from tests import contracts

STYLE = ConvStyle(norm_epsilon=0.0, activation="relu6")


def pool(x, **options):
    """Pools with a projection that changes nothing."""
    layer = ImagePooling(x.shape[-1], style=STYLE, **options)
    layer.build(x.shape)
    layer.conv.kernel.assign(np.eye(x.shape[-1]).reshape(layer.conv.kernel.shape))
    return np.asarray(layer(x))


def row(*values):
    return np.array(values, "float32").reshape(1, 1, -1, 1)


@pytest.mark.parametrize(
    ("window", "stride", "expected"),
    [
        (None, 1, [4.8, 4.8, 4.8, 4.8, 4.8]),
        (5, 1, [4.8, 4.8, 4.8, 4.8, 4.8]),
        # Clamped to the map.
        (9, 2, [4.8, 4.8, 4.8, 4.8, 4.8]),
        # Means 2, 3, 7 of three windows, stretched over five pixels.
        (3, 1, [2, 2.5, 3, 5, 7]),
        # Means 2 and 7.
        (3, 2, [2, 3.25, 4.5, 5.75, 7]),
        # A second window would not fit.
        (3, 3, [2, 2, 2, 2, 2]),
    ],
)
def test_means_of_windows_are_spread_over_the_map(window, stride, expected):
    x = row(1, 2, 3, 4, 14)
    along_width = pool(x, window=window and (1, window), stride=(1, stride))
    np.testing.assert_allclose(np.ravel(along_width), expected, rtol=1e-6)
    x = x.transpose(0, 2, 1, 3)
    along_height = pool(x, window=window and (window, 1), stride=(stride, 1))
    np.testing.assert_allclose(np.ravel(along_height), expected, rtol=1e-6)


def test_activation_is_plain_relu_where_the_head_is_bounded():
    np.testing.assert_allclose(np.ravel(pool(row(9, 9))), [9, 9])


@pytest.mark.parametrize(
    ("gate", "expected"), [("sigmoid", 0.7310586), ("q_sigmoid", 4 * 0.16667)]
)
def test_gate_has_a_bias_and_no_norm(gate, expected):
    layer = ImagePooling(1, style=STYLE, gate=gate)
    layer.build((1, 1, 2, 1))
    assert [w.name for w in layer.weights] == ["kernel", "bias"]
    layer.conv.kernel.assign([[[[0.25]]]])
    layer.conv.bias.assign([0.5])
    np.testing.assert_allclose(np.ravel(layer(row(1, 3))), [expected] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("window", "stride", "expected"),
    [(None, (1, 1), (2, 1, 1, 3)), ((4, 99), (2, 1), (2, 3, 1, 3))],
)
def test_pooled_shape(window, stride, expected):
    layer = ImagePooling(5, style=STYLE, window=window, stride=stride)
    assert layer.compute_pooled_shape((2, 9, 7, 3)) == expected


def test_mean_of_many_values_is_exact_under_a_lower_precision():
    """A float16 sum of these would overflow."""
    x = np.full((1, 65, 65, 1), 60.0, "float16")
    layer = ImagePooling(1, style=STYLE, dtype="mixed_float16")
    layer.build(x.shape)
    layer.conv.kernel.assign([[[[1.0]]]])
    np.testing.assert_allclose(np.asarray(layer(x), "float32"), 60)


def test_window_on_an_unknown_size():
    layer = ImagePooling(4, style=STYLE, window=(4, 3), stride=(2, 2))
    for height, width in ((9, 7), (3, 2), (33, 33)):
        contracts.check_unknown_size(layer, [(1, height, width, 4)])
