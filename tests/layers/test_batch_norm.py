# Licensed under the Apache License, Version 2.0.
"""Batch norm: against NumPy, frozen and synchronised."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.layers.batch_norm import BatchNorm
from tests import contracts

MOMENTUM, EPSILON = 0.9, 1e-3
KINDS = {"fused": {}, "synchronized": {"synchronized": True}}


def make(x, **options):
    layer = BatchNorm(momentum=MOMENTUM, epsilon=EPSILON, name="norm", **options)
    layer.build(x.shape)
    contracts.draw_weights(layer)
    return layer


def values(layer):
    return {weight.name: np.asarray(weight) for weight in layer.weights}


def normalize(x, w, mean, variance):
    return (x - mean) / np.sqrt(variance + EPSILON) * w["gamma"] + w["beta"]


@pytest.fixture
def x():
    return 3 + 2 * contracts.draw((2, 5, 3, 4))


def test_hand_computed_values():
    x = np.array([1, 3, 5, 7], "float32").reshape(1, 2, 2, 1)
    layer = BatchNorm(momentum=0.75, epsilon=4.0)
    y = layer(x, training=True)
    # Mean 4, variance 5: (x - 4) / 3.
    np.testing.assert_allclose(np.ravel(y), [-1, -1 / 3, 1 / 3, 1], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_mean, [1.0])
    # The unbiased variance is 20 / 3.
    np.testing.assert_allclose(layer.moving_variance, [0.75 + 0.25 * 20 / 3], rtol=1e-6)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_training_is_that_of_numpy(x, options):
    layer = make(x, **options)
    before = values(layer)
    y = layer(x, training=True)
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    contracts.assert_close(y, normalize(x, before, mean, variance), tolerance=2e-6)
    unbiased = x.var((0, 1, 2), ddof=1)
    after = values(layer)
    for name, value in (("moving_mean", mean), ("moving_variance", unbiased)):
        expected = MOMENTUM * before[name] + (1 - MOMENTUM) * value
        np.testing.assert_allclose(after[name], expected, rtol=2e-6)


@pytest.mark.parametrize("offset", [100.0, 1000.0])
def test_synchronized_keeps_its_digits_far_from_zero(offset):
    # In float32 the mean of the squares of 1000 is known to 0.06 only.
    noise = 0.05 * np.random.default_rng(0).standard_normal((2, 16, 16, 3))
    x = (offset + noise).astype("float32")
    layer = make(x, synchronized=True)
    before = values(layer)
    y = layer(x, training=True)
    exact = x.astype("float64")
    mean, variance = exact.mean((0, 1, 2)), exact.var((0, 1, 2))
    expected = normalize(exact, before, mean, variance)
    # The mean itself is rounded, to 6e-5 where it is 1000, as in the fused kernel.
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-2)
    unbiased = exact.var((0, 1, 2), ddof=1)
    moved = MOMENTUM * before["moving_variance"] + (1 - MOMENTUM) * unbiased
    np.testing.assert_allclose(layer.moving_variance, moved, rtol=1e-5)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_inference_uses_the_moving_statistics(x, options):
    layer = make(x, **options)
    w = values(layer)
    expected = normalize(x, w, w["moving_mean"], w["moving_variance"])
    contracts.assert_close(layer(x), expected)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_statistics_that_are_not_trained_stay_and_gamma_and_beta_learn(x, options):
    layer = make(x, train_norm=False, **options)
    before = values(layer)
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
        loss = keras.ops.sum(y * y)
    contracts.assert_close(y, layer(x))
    np.testing.assert_array_equal(layer.moving_mean, before["moving_mean"])
    np.testing.assert_array_equal(layer.moving_variance, before["moving_variance"])
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]
    for gradient in tape.gradient(loss, [w.value for w in layer.trainable_weights]):
        assert np.abs(gradient).min() > 0


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_frozen_layer_infers_in_training(x, options):
    layer = make(x, **options)
    layer.trainable = False
    contracts.assert_close(layer(x, training=True), layer(x))
    assert not layer.trainable_weights


def test_synchronized_in_one_replica_is_the_plain_one(x):
    plain, synchronized = make(x), make(x, synchronized=True)
    contracts.assert_close(
        synchronized(x, training=True), plain(x, training=True), tolerance=2e-6
    )
    for ours, expected in zip(synchronized.weights, plain.weights, strict=True):
        contracts.assert_close(ours, expected, tolerance=2e-6)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("policy", contracts.MIXED_POLICIES)
def test_statistics_are_float32_under_a_lower_precision(x, options, policy):
    layer = make(x, dtype=policy, **options)
    x = tf.cast(x, contracts.MIXED_POLICIES[policy])
    y = layer(x, training=True)
    assert y.dtype == x.dtype
    exact = make(x, **options)
    contracts.assert_close(
        y, exact(tf.cast(x, "float32"), training=True), tolerance=2**-8
    )
    np.testing.assert_allclose(layer.moving_mean, exact.moving_mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, exact.moving_variance, rtol=1e-5)


def test_gradients_of_the_fused_path_are_those_of_the_plain_formula(x):
    gradients = []
    for options in KINDS.values():
        layer = make(x, **options)
        inputs = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = layer(inputs, training=True)
            loss = keras.ops.sum(y * contracts.draw(x.shape, seed=1))
        sources = [inputs, layer.gamma.value, layer.beta.value]
        gradients.append(tape.gradient(loss, sources))
    for fused, plain in zip(*gradients, strict=True):
        contracts.assert_close(fused, plain, tolerance=2e-5)
