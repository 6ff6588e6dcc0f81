# Licensed under the Apache License, Version 2.0.
"""Strides and rates, as in the tables of DeepLabv3."""

import pytest

from deeplab_tf.backbones.atrous_schedule import AtrousSchedule


@pytest.mark.parametrize(
    ("output_stride", "expected"),
    [
        (32, [(2, 1), (2, 1), (1, 1), (2, 1), (2, 1), (2, 1), (1, 1)]),
        (16, [(2, 1), (2, 1), (1, 1), (2, 1), (2, 1), (1, 1), (1, 2)]),
        # A strided layer that may not stride keeps the rate of those before it.
        (8, [(2, 1), (2, 1), (1, 1), (2, 1), (1, 1), (1, 2), (1, 4)]),
    ],
)
def test_strides_beyond_the_output_stride_become_rates(output_stride, expected):
    schedule = AtrousSchedule(output_stride)
    assert [schedule.step(stride) for stride in (2, 2, 1, 2, 2, 2, 1)] == expected
    assert schedule.stride == output_stride
