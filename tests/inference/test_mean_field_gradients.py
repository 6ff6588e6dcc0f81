# Licensed under the Apache License, Version 2.0.
"""Gradients of the mean field, with which a CRF is trained as a recurrent network."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.inference.mean_field import mean_field
from tests.inference.crf_cases import EXACT, SMALL, case


def numeric_gradient(function, value, *, step=1e-2):
    gradient = np.zeros_like(value)
    for index in np.ndindex(value.shape):
        moved = [value.copy(), value.copy()]
        moved[0][index] += step
        moved[1][index] -= step
        gradient[index] = (function(moved[0]) - function(moved[1])) / (2 * step)
    return gradient


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("share", [0.0, 0.01])
def test_gradient_of_the_unaries(batch, share):
    unaries, images = case(4, 5, 3, batch=batch)
    config = dataclasses.replace(SMALL, iterations=3, min_probability=share)
    weights = np.random.default_rng(1).normal(size=unaries.shape).astype(np.float32)

    def score(values):
        return tf.reduce_sum(weights * mean_field(values, images, config))

    @tf.function
    def compute_gradient(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            result = score(values)
        return tape.gradient(result, values)

    run = tf.function(score)
    expected = numeric_gradient(lambda v: run(tf.constant(v)).numpy(), unaries)
    gradient = compute_gradient(tf.constant(unaries)).numpy()
    np.testing.assert_allclose(gradient, expected, atol=2e-2)
    assert np.abs(expected).max() > 0.2


@pytest.mark.parametrize("config", [SMALL, EXACT], ids=["lattice", "exact"])
def test_gradient_of_weights_and_compatibility(config):
    unaries, images = case(4, 5, 3)
    config = dataclasses.replace(config, iterations=3)
    target = np.random.default_rng(1).normal(size=unaries.shape).astype(np.float32)

    def score(bilateral, spatial, costs):
        found = mean_field(
            unaries,
            images,
            config,
            bilateral_weight=bilateral,
            spatial_weight=spatial,
            compatibility=costs,
        )
        return tf.reduce_sum(target * found)

    start = [np.float32(1.0), np.float32(0.7), (1 - np.eye(3)).astype(np.float32)]
    variables = [tf.Variable(value) for value in start]
    with tf.GradientTape() as tape:
        result = score(*variables)
    gradients = tape.gradient(result, variables)
    run = tf.function(score)
    for number, gradient in enumerate(gradients):

        def of_one(value, number=number):
            values = list(start)
            values[number] = value
            return run(*map(tf.constant, values)).numpy()

        expected = numeric_gradient(of_one, np.asarray(start[number]))
        np.testing.assert_allclose(gradient, expected, atol=2e-2)
        assert np.abs(expected).max() > 0.05


def test_trains_inside_a_graph():
    unaries, images = case(10, 10, 2, batch=2)
    config = dataclasses.replace(SMALL, iterations=5)
    truth = np.zeros((2, 10, 10), int)
    truth[:, :, 5:] = 1
    weights = [tf.Variable(0.1), tf.Variable(0.1)]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            marginals = mean_field(
                unaries,
                images,
                config,
                bilateral_weight=weights[0],
                spatial_weight=weights[1],
            )
            chosen = tf.gather(marginals, truth[..., None], batch_dims=3)
            loss = -tf.reduce_mean(tf.math.log(chosen))
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign_sub(gradient)
        return loss

    losses = [float(step()) for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]


def test_trains_where_the_batch_is_unknown():
    unaries, images = case(6, 5, 2, batch=2)
    config = dataclasses.replace(SMALL, iterations=3)

    def compute_gradient(values, images):
        with tf.GradientTape() as tape:
            tape.watch(values)
            score = tf.reduce_sum(mean_field(values, images, config)[..., 0])
        return tape.gradient(score, values)

    signature = [tf.TensorSpec([None, None, None, n], tf.float32) for n in (2, 3)]
    run = tf.function(compute_gradient, input_signature=signature)
    inputs = (tf.constant(unaries), tf.constant(images))
    expected = compute_gradient(*inputs).numpy()
    np.testing.assert_allclose(run(*inputs).numpy(), expected, atol=1e-6)
    assert np.abs(expected).max() > 0.1
