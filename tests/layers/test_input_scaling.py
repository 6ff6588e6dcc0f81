# Licensed under the Apache License, Version 2.0.
"""Input scaling: pixels to -1..1, in float32 under any policy."""

import numpy as np
import pytest

from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.layers.input_scaling import InputScaling, build_input_scaling
from tests import contracts


def pixels(*values, dtype="float32"):
    return np.repeat(np.array(values, dtype).reshape(1, 1, -1, 1), 3, axis=-1)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32"])
def test_bytes_reach_from_minus_one_to_one(dtype):
    y = InputScaling()(pixels(0, 51, 255, dtype=dtype))
    np.testing.assert_allclose(y[0, 0, :, 0], [-1, -0.6, 1], atol=1e-6)


def test_offset_is_that_of_the_channel():
    y = InputScaling(scale=1.0, offset=(-1.0, -2.0, -3.0))(pixels(10))
    np.testing.assert_allclose(y[0, 0, 0], [9, 8, 7])


@pytest.mark.parametrize("policy", contracts.MIXED_POLICIES)
def test_neighbouring_pixels_differ_under_a_lower_precision(policy):
    """In bfloat16, 254 and 255 would both be read as 254 or 256."""
    y = InputScaling(dtype=policy)(pixels(0, 1, 254, 255))
    y = np.asarray(y, "float32")[0, 0, :, 0]
    exact = np.array([0, 1, 254, 255]) * 2 / 255 - 1
    # Half a unit in the last place of bfloat16 below 1.
    np.testing.assert_allclose(y, exact, atol=2**-9)
    assert y[2] < y[3]


def test_mean_is_subtracted_and_deviation_divides():
    scaling = PixelScaling(mean=(10.0, 20.0, 30.0), deviation=(1.0, 2.0, 5.0))
    y = build_input_scaling(scaling)(pixels(40))
    np.testing.assert_allclose(y[0, 0, 0], [30, 10, 2], rtol=1e-6)


def test_channels_are_turned_round_after_the_mean():
    scaling = PixelScaling(mean=(10.0, 20.0, 30.0), channels="bgr")
    y = build_input_scaling(scaling)(pixels(40))
    np.testing.assert_allclose(y[0, 0, 0], [10, 20, 30])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": "gbr"}, "channels must be one of"),
        ({"deviation": (1.0, 0.0, 1.0)}, "deviation must be positive"),
        ({"deviation": (1.0,)}, "must have three values"),
    ],
)
def test_impossible_scaling_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PixelScaling(mean=(0.0, 0.0, 0.0), **options)
