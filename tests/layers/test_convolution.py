# Licensed under the Apache License, Version 2.0.
"""Convolution in training: results and gradients are those of TensorFlow's own."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.layers import convolution

CHANNELS, FILTERS = 3, 4


def values_and_gradients(convolve, x, kernel, *, dynamic):
    """Returns the result and the gradients of x and kernel, from one graph."""
    shape = [None, None, None, CHANNELS] if dynamic else x.shape

    @tf.function(
        input_signature=[
            tf.TensorSpec(shape, x.dtype),
            tf.TensorSpec(kernel.shape, x.dtype),
        ]
    )
    def run(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = convolve(x, kernel)
            # A sine: the gradients depend on place and value.
            total = tf.reduce_sum(tf.sin(tf.cast(y, tf.float32)))
        return [y, *tape.gradient(total, [x, kernel])]

    return run(x, kernel)


def random_case(shape, side, dtype="float32"):
    generator = np.random.default_rng(side)
    x = generator.standard_normal((*shape, CHANNELS))
    kernel = generator.standard_normal((side, side, CHANNELS, FILTERS))
    return tf.cast(x, dtype), tf.cast(kernel, dtype)


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("rate", [1, 2, 12])
@pytest.mark.parametrize("side", [1, 3, 5])
@pytest.mark.parametrize("shape", [(2, 9, 7), (1, 13, 40)], ids=str)
def test_results_and_gradients_are_tensorflows_own(
    shape, side, rate, dynamic, training
):
    x, kernel = random_case(shape, side)

    def ours(x, kernel):
        return convolution.convolve(x, kernel, rate=rate, training=training)

    def theirs(x, kernel):
        return tf.nn.convolution(x, kernel, padding="SAME", dilations=rate)

    found = values_and_gradients(ours, x, kernel, dynamic=dynamic)
    expected = values_and_gradients(theirs, x, kernel, dynamic=dynamic)
    for mine, other in zip(found, expected, strict=True):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"stride": 2}, {"padding": "valid"}], ids=str)
def test_strides_and_bare_edges_train_as_in_tensorflow(options):
    x, kernel = random_case((1, 9, 9), 3)
    padding = options.get("padding", "same").upper()

    def ours(x, kernel):
        return convolution.convolve(x, kernel, training=True, **options)

    def theirs(x, kernel):
        return tf.nn.conv2d(x, kernel, options.get("stride", 1), padding)

    found = values_and_gradients(ours, x, kernel, dynamic=False)
    expected = values_and_gradients(theirs, x, kernel, dynamic=False)
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("side", [1, 3])
def test_half_precision_keeps_its_type(side, dtype):
    x, kernel = random_case((1, 9, 9), side, dtype)

    def ours(x, kernel):
        return convolution.convolve(x, kernel, rate=2, training=True)

    found = values_and_gradients(ours, x, kernel, dynamic=False)
    exact = values_and_gradients(
        ours, *(tf.cast(value, tf.float32) for value in (x, kernel)), dynamic=False
    )
    for mine, other in zip(found, exact, strict=True):
        assert mine.dtype == dtype
        other = other.numpy()
        difference = np.abs(tf.cast(mine, tf.float32) - other).max()
        assert difference < 0.05 * np.abs(other).max()


def operations(training):
    """Returns the kinds of operations of a 1x1 and an atrous convolution."""

    @tf.function
    def run(x, pointwise, wide):
        x = convolution.convolve(x, pointwise, training=training)
        return convolution.convolve(x, wide, rate=2, training=training)

    x, pointwise = random_case((1, 9, 9), 1)
    wide = tf.ones((3, 3, FILTERS, FILTERS))
    graph = run.get_concrete_function(x, pointwise, wide).graph
    return {operation.type for operation in graph.get_operations()}


def test_nothing_stands_between_a_convolution_and_its_norm_outside_of_training():
    assert "IdentityN" in operations(training=True)
    assert "IdentityN" not in operations(training=False)


@pytest.mark.parametrize("training", [False, True])
def test_no_rate_is_reached_by_copies(training):
    assert not operations(training) & {"SpaceToBatchND", "BatchToSpaceND"}


def test_other_devices_take_their_own_gradients(monkeypatch):
    device = tf.config.LogicalDevice(name="/device:GPU:0", device_type="GPU")
    devices = [*tf.config.list_logical_devices(), device]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: devices)
    convolution.has_only_cpus.cache_clear()
    try:
        assert "IdentityN" not in operations(training=True)
    finally:
        convolution.has_only_cpus.cache_clear()


WITHOUT_ONEDNN = """
import tensorflow as tf
from deeplab_tf.layers import convolution
for training in (False, True):
    x, kernel = tf.ones((1, 9, 9, 2)), tf.ones((3, 3, 2, 2))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = convolution.convolve(x, kernel, rate=2, training=training)
    # As many results see a pixel as the pixel's kernel sees others.
    print(int(tape.gradient(y, x)[0, 4, 4, 0]), int(tape.gradient(y, x)[0, 0, 0, 0]))
"""


@pytest.mark.slow
def test_a_build_without_onednn_has_gradients_too(root):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ONEDNN],
        cwd=root,
        env=os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["18", "8"] * 2, done.stderr[-2000:]
