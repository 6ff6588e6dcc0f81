# Licensed under the Apache License, Version 2.0.
"""Atrous convolutions: hand-computed values, rates, norms and errors."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.layers.atrous_conv import (
    AtrousConv,
    AtrousDepthwiseConv,
    AtrousSeparableConv,
)
from tests import contracts

STYLE = ConvStyle(norm_momentum=0.9, norm_epsilon=0.0)


def row(*values):
    return np.array(values, "float32").reshape(1, 1, -1, 1)


def summing(layer, x):
    """Gives a layer a kernel of ones, and calls it."""
    layer.build(x.shape)
    for weight in layer.weights:
        if "kernel" in weight.path:
            weight.assign(np.ones(weight.shape))
    return np.ravel(layer(x))


def dense(**options):
    return AtrousConv(1, style=STYLE, **options)


def depthwise(**options):
    return AtrousDepthwiseConv(style=STYLE, **options)


@pytest.mark.parametrize("layer", [dense, depthwise])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [3, 7, 14, 28, 24]),
        ({"rate": 2}, [5, 10, 21, 10, 20]),
        ({"rate": 4}, [17, 2, 4, 8, 17]),
        ({"stride": 2}, [3, 14, 24]),
    ],
    ids=str,
)
def test_kernel_of_ones_sums_what_it_samples(layer, options, expected):
    np.testing.assert_allclose(summing(layer(**options), row(1, 2, 4, 8, 16)), expected)


@pytest.mark.parametrize("layer", [dense, depthwise])
def test_stride_on_an_even_side_pads_behind_as_same_does(layer):
    result = summing(layer(stride=2), row(1, 2, 4, 8))
    np.testing.assert_allclose(result, [7, 12])


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("kernel_size", [1, 3, 7])
@pytest.mark.parametrize("layer", [dense, depthwise])
def test_explicit_padding_subsamples_the_result_of_stride_one(layer, kernel_size, size):
    x = np.arange(1, size + 1, dtype="float32").reshape(1, 1, -1, 1)
    x = x * np.array([1.0, 10.0, 100.0], "float32").reshape(1, 3, 1, 1)
    style = dataclasses.replace(STYLE, padding="explicit")
    cls = AtrousConv if layer is dense else AtrousDepthwiseConv
    args = (1, kernel_size) if layer is dense else (kernel_size,)
    strided = cls(*args, style=style, stride=2)
    full = cls(*args, style=style)
    for conv in (strided, full):
        summing(conv, x)
    np.testing.assert_allclose(strided(x), full(x)[:, ::2, ::2])
    assert strided.compute_output_shape(x.shape) == tuple(strided(x).shape)


def test_bias_takes_the_place_of_the_norm():
    layer = dense(kernel_size=1, normalize=False)
    layer.build((1, 1, 3, 1))
    layer.kernel.assign([[[[2.0]]]])
    layer.bias.assign([0.5])
    np.testing.assert_allclose(np.ravel(layer(row(1, 2, 4))), [2.5, 4.5, 8.5])
    assert [w.name for w in layer.weights] == ["kernel", "bias"]


@pytest.mark.parametrize(
    ("activation", "expected"),
    [(None, [-8, 2, 8]), ("relu", [0, 2, 8]), ("relu6", [0, 2, 6])],
)
def test_activation_follows_the_norm(activation, expected):
    layer = dense(kernel_size=1, activation=activation)
    np.testing.assert_allclose(summing(layer, row(-8, 2, 8)), expected)


def test_separable_conv_activates_between_its_parts():
    layer = AtrousSeparableConv(1, 1, style=STYLE)
    x = row(-1, 2)
    layer.build(x.shape)
    layer.depthwise.depthwise_kernel.assign([[[[-1.0]]]])
    layer.pointwise.kernel.assign([[[[1.0]]]])
    np.testing.assert_allclose(np.ravel(layer(x)), [1, 0])


def test_separable_conv_is_depthwise_then_pointwise():
    layer = AtrousSeparableConv(5, style=STYLE, rate=2)
    x = contracts.draw((2, 9, 7, 4))
    layer(x)
    contracts.draw_weights(layer)
    contracts.assert_close(layer(x), layer.pointwise(layer.depthwise(x)))


@pytest.mark.parametrize(
    "options", [{"stride": 0}, {"rate": 0}, {"stride": 2, "rate": 2}]
)
@pytest.mark.parametrize("layer", [dense, depthwise])
def test_impossible_stride_and_rate_are_refused(layer, options):
    with pytest.raises(ValueError, match="stride and rate must be at least 1"):
        layer(**options)


def test_bfloat16_predicts_with_the_norm_in_the_kernel():
    style = dataclasses.replace(STYLE, norm_epsilon=1e-3)
    layers = [
        AtrousConv(8, style=style, rate=2, activation="relu", dtype=dtype)
        for dtype in ("float32", "mixed_bfloat16")
    ]
    generator = np.random.default_rng(1)
    x = generator.standard_normal((1, 9, 9, 4)).astype("float32")
    for layer in layers:
        layer.build(x.shape)
    for weight, other in zip(*(layer.weights for layer in layers), strict=True):
        weight.assign(generator.uniform(0.5, 1.5, weight.shape))
        other.assign(weight)
    exact, half = (tf.cast(layer(x), tf.float32).numpy() for layer in layers)
    assert np.abs(half - exact).max() < 0.02 * np.abs(exact).max()
    graphs = [tf.function(layer).get_concrete_function(x).graph for layer in layers]
    kinds = [{operation.type for operation in g.get_operations()} for g in graphs]
    assert ["FusedBatchNormV3" in kind for kind in kinds] == [True, False]
    # Training normalises by the batch.
    half = tf.cast(layers[1](x, training=True), tf.float32).numpy()
    assert np.abs(half.mean((0, 1, 2)) - exact.mean((0, 1, 2))).max() > 0.02


@pytest.mark.parametrize("cls", [AtrousConv, AtrousDepthwiseConv])
@pytest.mark.parametrize(
    ("options", "size"), [({"rate": 2}, (1, 5)), ({"stride": 2}, (2, 4))]
)
def test_without_padding_only_whole_kernels_are_summed(cls, options, size):
    style = dataclasses.replace(STYLE, padding="none")
    arguments = (1,) if cls is AtrousConv else ()
    layer = cls(*arguments, style=style, **options)
    x = np.ones((1, 5, 9, 1), "float32")
    np.testing.assert_allclose(summing(layer, x), np.full(np.prod(size), 9.0))
    assert layer.compute_output_shape(x.shape) == (1, *size, 1)
    assert layer.compute_output_shape((1, None, 9, 1)) == (1, None, size[1], 1)
