# Licensed under the Apache License, Version 2.0.
"""Activations: hand-computed values."""

import numpy as np
import pytest

from deeplab_tf.layers.activations import activate


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (None, [-8, -4, 0, 2, 8]),
        ("relu", [0, 0, 0, 2, 8]),
        ("relu6", [0, 0, 0, 2, 6]),
        ("clip6", [-6, -4, 0, 2, 6]),
        ("hard_swish", [0, 0, 0, 2 * 5 / 6, 8]),
        ("hard_sigmoid", [0, 0, 0.5, 5 / 6, 1]),
        ("q_sigmoid", [0, 0, 3 * 0.16667, 5 * 0.16667, 6 * 0.16667]),
        ("sigmoid", [0.00033535, 0.01798621, 0.5, 0.88079708, 0.99966465]),
    ],
)
def test_values(activation, expected):
    x = np.array([-8, -4, 0, 2, 8], "float32")
    np.testing.assert_allclose(activate(x, activation), expected, rtol=1e-6)


def test_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="hard_swish, sigmoid, hard_sigmoid, q_sig"):
        activate(np.zeros(1), "swish")
