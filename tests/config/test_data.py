# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.config.data."""

import pytest

from deeplab_tf.config.data import DataConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"min_scale_factor": 2.0, "max_scale_factor": 1.0}, "Scale factors"),
        ({"scale_factor_step_size": -0.1}, "scale_factor_step_size"),
        ({"flip_probability": 1.5}, "flip_probability"),
        ({"crop_size": (0, 5)}, "crop_size"),
        ({"max_resize_value": 65}, "min_resize_value"),
        ({"resize_factor": 16}, "min_resize_value"),
    ],
)
def test_unfit_value_is_named(fields, message):
    with pytest.raises(ValueError, match=message):
        DataConfig(**fields)


def test_defaults_are_those_of_the_original():
    config = DataConfig()
    assert config.crop_size == (513, 513)
    scales = config.min_scale_factor, config.max_scale_factor
    assert (*scales, config.scale_factor_step_size) == (0.5, 2.0, 0.25)
    assert config.flip_probability == 0.5
