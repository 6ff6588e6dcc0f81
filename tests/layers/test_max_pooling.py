# Licensed under the Apache License, Version 2.0.
"""Max pooling at a rate: hand-computed values, and those of the strided pool."""

import numpy as np
import pytest

from deeplab_tf.layers.max_pooling import AtrousMaxPool, padded_max_pool
from tests import contracts


def pool(row, **options):
    """Pools a row of pixels, all of which are negative."""
    x = np.array(row, "float32").reshape((1, 1, -1, 1))
    return np.asarray(AtrousMaxPool(**options)(x)).ravel().tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [-5, -1, -1, -2, -2]),
        ({"stride": 2}, [-5, -1, -2]),
        ({"rate": 2}, [-1, -3, -1, -3, -2]),
        ({"pool_size": 3}, [-5, -1, -1, -1, -2]),
        ({"pool_size": 3, "rate": 2}, [-1, -3, -1, -3, -1]),
        # Nothing but its own pixel is within reach.
        ({"rate": 7}, [-7, -5, -1, -3, -2]),
        ({"pool_size": 3, "rate": 7}, [-7, -5, -1, -3, -2]),
    ],
    ids=str,
)
def test_values(options, expected):
    assert pool([-7, -5, -1, -3, -2], **options) == expected


@pytest.mark.parametrize(
    ("padding", "row", "expected"),
    [
        ("explicit", [7, 5, 1, 3], [7, 5]),
        ("ceil", [7, 5, 1, 3], [7, 5, 3]),
        ("explicit", [7, 5, 1, 3, 2], [7, 5, 3]),
        ("ceil", [7, 5, 1, 3, 2], [7, 5, 3]),
    ],
    ids=str,
)
def test_padding_of_other_frameworks(padding, row, expected):
    x = np.array(row, "float32").reshape((1, 1, -1, 1))
    pooled = padded_max_pool(x, 3, stride=2, padding=padding, name="pool")
    assert np.asarray(pooled)[0, 0].ravel().tolist() == expected


def test_valid_pool_drops_an_odd_last_row():
    layer = AtrousMaxPool(2, stride=2, padding="valid")
    x = contracts.draw((1, 5, 6, 1))
    assert layer(x).shape == (1, 2, 3, 1)
    np.testing.assert_array_equal(layer(x)[0, 0, 0, 0], x[0, :2, :2, 0].max())


@pytest.mark.parametrize("pool_size", [2, 3])
def test_two_strided_pools_are_the_same_with_a_rate_instead(pool_size):
    x = contracts.draw((1, 13, 9, 2))
    strided = AtrousMaxPool(pool_size, stride=2)
    expected = strided(strided(x))
    dense = AtrousMaxPool(pool_size, rate=2)(AtrousMaxPool(pool_size)(x))
    np.testing.assert_array_equal(dense[:, ::4, ::4], expected)


@pytest.mark.parametrize("options", [{"stride": 2}, {"padding": "valid"}], ids=str)
def test_rate_goes_with_nothing_else(options):
    with pytest.raises(ValueError, match="A rate needs stride 1 and padding 'same'"):
        AtrousMaxPool(2, rate=2, **options)
