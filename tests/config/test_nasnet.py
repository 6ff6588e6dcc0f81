# Licensed under the Apache License, Version 2.0.
"""Configurations of searched networks: what they refuse, and their variables."""

import pytest

from deeplab_tf.config.nasnet import VARIANTS, NASNetConfig


def test_hnasnet_lies_where_its_path_ends():
    strides = {name: config.output_stride for name, config in VARIANTS.items()}
    assert strides == {"nas_pnasnet": 16, "nas_hnasnet": 8}


def test_output_stride_changes_the_variables_of_pnasnet_alone():
    changing = {n for n, c in VARIANTS.items() if c.stride_changes_variables}
    assert changing == {"nas_pnasnet"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "nasnet"}, "network must be one of pnasnet, hnasnet"),
        ({"output_stride": 4}, "output_stride must be 8, 16 or 32"),
        ({"filters": 0}, "filters must be at least 1, got 0"),
        ({"drop_path_keep_prob": 0.0}, "drop_path_keep_prob must lie in"),
        ({"drop_path_steps": -1}, "drop_path_steps must not be negative"),
    ],
)
def test_impossible_configurations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        NASNetConfig(**options)
