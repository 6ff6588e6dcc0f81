# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.training.moving_average import MovingAverage
from tests.training import toy_network


@pytest.fixture
def model():
    return toy_network.build_toy()


def build_average(model, decay=0.9):
    return MovingAverage(model, decay=decay, strategy=tf.distribute.get_strategy())


def test_update_by_hand(model):
    bias = model.get_layer("logits").bias
    bias.assign([0.0, 1.0, 2.0])
    average = build_average(model, decay=0.5)
    found = average.variables["logits/bias"]
    bias.assign([10.0, 1.0, 2.0])
    # The decay of the first updates is 1 / 10, 2 / 11, ..., at most the given one.
    average.update(tf.constant(0))
    np.testing.assert_allclose(found, [9.0, 1.0, 2.0], rtol=1e-6)
    bias.assign([20.0, 1.0, 2.0])
    average.update(tf.constant(1))
    expected = 9.0 * 2 / 11 + 20.0 * 9 / 11
    np.testing.assert_allclose(found, [expected, 1.0, 2.0], rtol=1e-6)
    average.update(tf.constant(1000))
    np.testing.assert_allclose(found[0], 0.5 * expected + 10.0, rtol=1e-6)


def test_update_is_that_of_tensorflow_1(model):
    values = np.random.default_rng(0).standard_normal((6, 3)).astype("float32")
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        variable = v1.get_variable("v", [3], initializer=v1.zeros_initializer())
        step, value = v1.placeholder(tf.float32, []), v1.placeholder(tf.float32, [3])
        original = v1.train.ExponentialMovingAverage(0.3, num_updates=step)
        with tf.control_dependencies([variable.assign(value)]):
            update = original.apply([variable])
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            for i, row in enumerate(values):
                session.run(update, {step: i, value: row})
            expected = session.run(original.average(variable))
    bias = model.get_layer("logits").bias
    average = build_average(model, decay=0.3)
    for i, row in enumerate(values):
        bias.assign(row)
        average.update(tf.constant(i))
    np.testing.assert_allclose(average.variables["logits/bias"], expected, rtol=1e-5)


def test_all_weights_are_averaged_the_moving_statistics_too(model):
    average = build_average(model)
    assert list(average.variables) == [weight.path for weight in model.weights]
    assert "norm/moving_variance" in average.variables


def test_start_takes_the_weights_as_they_are(model):
    average = build_average(model)
    model.get_layer("logits").bias.assign([7.0, 8.0, 9.0])
    average.start()
    np.testing.assert_array_equal(average.variables["logits/bias"], [7.0, 8.0, 9.0])


def test_values_fit_a_network_of_the_same_kind(model):
    average = build_average(model)
    other = toy_network.build_toy()
    other.set_weights(average.values())
    for weight, expected in zip(other.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected.numpy())
