# Licensed under the Apache License, Version 2.0.
"""Squeeze-and-excitation: hand-computed values."""

import numpy as np

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.layers.squeeze_excite import SqueezeExcite

# Means 1 and 2.
X = np.array([[[[0, 2], [2, 2]]]], "float32")


def gate(**options):
    layer = SqueezeExcite(1, style=ConvStyle(), **options)
    layer.build(X.shape)
    layer.conv.kernel.assign([[[[1.0], [1.0]]]])
    layer.conv_1.kernel.assign([[[[1.0, -2.0]]]])
    return layer


def test_channels_are_multiplied_by_their_gate():
    # 3 behind the first convolution; 6 and 0 in front of the gate's bounds.
    np.testing.assert_allclose(
        gate()(X), X * np.array([6 * 0.16667, 0], "float32"), rtol=1e-6
    )


def test_bias_comes_before_the_activations():
    layer = gate()
    layer.conv.bias.assign([-4.0])
    layer.conv_1.bias.assign([-1.0, 1.0])
    # relu(3 - 4) is 0.
    expected = X * np.array([2 * 0.16667, 4 * 0.16667], "float32")
    np.testing.assert_allclose(layer(X), expected, rtol=1e-6)


def test_gate_may_be_another_one():
    expected = X / (1 + np.exp(np.array([-3.0, 6.0])))
    np.testing.assert_allclose(gate(gate="sigmoid")(X), expected, rtol=1e-5)
