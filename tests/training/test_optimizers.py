# Licensed under the Apache License, Version 2.0.
"""Optimizers and rules over variables: hand-computed, then the original's."""

import json
import math
import os
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config import train as train_config
from deeplab_tf.training import optimizers
from tests.training import toy_network

# The original's names -> paths of our variables.
PATHS = {
    "MobilenetV2/Conv/weights": "conv/kernel",
    "MobilenetV2/Conv/BatchNorm/beta": "conv/norm/beta",
    "aspp0/weights": "aspp/aspp0/kernel",
    "aspp1_depthwise/depthwise_weights": "aspp/aspp1/depthwise/depthwise_kernel",
    "image_pooling/BatchNorm/gamma": "aspp/image_pooling/conv/norm/gamma",
    "concat_projection/weights": "aspp/concat_projection/kernel",
    "decoder/decoder_conv0_pointwise/weights": "decoder/decoder_conv0/pointwise/kernel",
    "decoder/decoder_conv0/biases": "decoder/decoder_conv0/bias",
    "logits/semantic/weights": "logits/kernel",
    "logits/semantic/biases": "logits/bias",
    "xception_65/foo/biases": "foo/bias",
}

# Three momentum steps on JAX, compiled, with a falling rate, without TensorFlow.
JAX_SCRIPT = """
import sys
sys.modules["tensorflow"] = None
import jax, keras
from deeplab_tf.config import train
from deeplab_tf.training import optimizers

schedule = train.PolySchedule(learning_rate=1.0, power=1.0)
optimizer = optimizers.build_optimizer(train.TrainConfig(schedule=schedule, steps=4))
variable = keras.Variable([1.0], name="kernel")
optimizer.build([variable])
apply = jax.jit(optimizer.stateless_apply)
state, values = [v.value for v in optimizer.variables], [variable.value]
for _ in range(3):
    values, state = apply(state, [2.0 * values[0]], values)
print("result", float(values[0][0]))
"""


def variable(path, value=(1.0,)):
    return types.SimpleNamespace(path=path, value=value)


def poly_config(**fields):
    schedule = train_config.PolySchedule(learning_rate=1.0, power=1.0)
    return train_config.TrainConfig(schedule=schedule, steps=4, **fields)


def momentum_by_hand(steps=3):
    """Returns w after steps with g = 2 w, momentum 0.9 and rates 1, 0.75, 0.5."""
    weight, accumulated = 1.0, 0.0
    for rate in (1.0, 0.75, 0.5)[:steps]:
        accumulated = 0.9 * accumulated + 2 * weight
        weight -= rate * accumulated
    return weight


def test_momentum_accumulates_gradients_without_the_rate():
    optimizer = optimizers.build_optimizer(poly_config())
    weight = keras.Variable([1.0], name="kernel")
    for step in range(1, 4):
        optimizer.apply([2.0 * weight.value], [weight])
        assert float(weight[0]) == pytest.approx(momentum_by_hand(step))
    assert int(optimizer.iterations) == 3


def test_caffes_momentum_accumulates_gradients_times_their_rates():
    rule = train_config.CaffeMomentumConfig(momentum=0.9)
    optimizer = optimizers.build_optimizer(poly_config(optimizer=rule))
    variable = keras.Variable([1.0], name="kernel")
    weight, update = 1.0, 0.0
    for rate in (1.0, 0.75, 0.5):
        optimizer.apply([2.0 * variable.value], [variable])
        update = 0.9 * update + rate * 2 * weight
        weight -= update
        assert float(variable[0]) == pytest.approx(weight)


def test_momentum_is_that_of_tensorflow_1():
    rng = np.random.default_rng(0)
    ours = keras.Variable(rng.standard_normal((5, 3)), dtype="float32")
    theirs = tf.Variable(ours.value)
    rate = tf.Variable(0.1)
    optimizer = optimizers.Momentum(0.1, momentum=0.8)
    original = tf.compat.v1.train.MomentumOptimizer(rate, 0.8)
    for step in range(4):
        gradient = tf.constant(rng.standard_normal((5, 3)), tf.float32)
        rate.assign(0.1 / (step + 1))
        optimizer.learning_rate = 0.1 / (step + 1)
        original.apply_gradients([(gradient, theirs)])
        optimizer.apply([gradient], [ours])
    np.testing.assert_allclose(ours.value, theirs, rtol=1e-6)


def test_momentum_state_can_be_saved_and_restored(tmp_path):
    weight = keras.Variable([1.0], name="kernel")
    optimizer = optimizers.build_optimizer(poly_config())
    optimizer.apply([2.0 * weight.value], [weight])
    path = tf.train.Checkpoint(optimizer=optimizer, weight=weight.value).save(
        str(tmp_path / "ckpt")
    )

    new_weight = keras.Variable([7.0], name="kernel")
    restored = optimizers.build_optimizer(poly_config())
    restored.build([new_weight])
    checkpoint = tf.train.Checkpoint(optimizer=restored, weight=new_weight.value)
    checkpoint.restore(path).assert_consumed()
    for _ in range(2):
        restored.apply([2.0 * new_weight.value], [new_weight])
    assert float(new_weight[0]) == pytest.approx(momentum_by_hand())


def test_momentum_survives_serialization():
    optimizer = optimizers.build_optimizer(poly_config())
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(copy, optimizers.Momentum)
    weight = keras.Variable([1.0], name="kernel")
    for _ in range(3):
        copy.apply([2.0 * weight.value], [weight])
    assert float(weight[0]) == pytest.approx(momentum_by_hand())


@pytest.mark.slow
def test_momentum_on_jax_gives_the_same_weights():
    output = subprocess.run(
        [sys.executable, "-c", JAX_SCRIPT],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert float(output.split()[-1]) == pytest.approx(momentum_by_hand())


def test_adam_adds_epsilon_to_the_uncorrected_moment():
    rule = train_config.AdamConfig(learning_rate=0.1, epsilon=1.0)
    optimizer = optimizers.build_optimizer(poly_config(optimizer=rule))
    weight = keras.Variable([1.0], name="kernel")
    optimizer.apply([tf.constant([2.0])], [weight])
    # m = 0.1 g, v = 0.001 g^2; with the corrected moment it would be 1 - 0.1 * 2 / 3.
    rate = 0.1 * math.sqrt(1 - 0.999) / (1 - 0.9)
    expected = 1 - rate * 0.2 / (math.sqrt(0.004) + 1.0)
    assert float(weight[0]) == pytest.approx(expected, rel=1e-6)


def test_adam_is_that_of_tensorflow_1():
    rule = train_config.AdamConfig(learning_rate=0.01, epsilon=1e-3)
    optimizer = optimizers.build_optimizer(poly_config(optimizer=rule))
    rng = np.random.default_rng(0)
    ours = keras.Variable(rng.standard_normal((5, 3)), dtype="float32")
    theirs = tf.Variable(ours.value)
    original = tf.compat.v1.train.AdamOptimizer(0.01, epsilon=1e-3)
    for _ in range(4):
        gradient = tf.constant(0.01 * rng.standard_normal((5, 3)), tf.float32)
        original.apply_gradients([(gradient, theirs)])
        optimizer.apply([gradient], [ours])
    np.testing.assert_allclose(ours.value, theirs, rtol=1e-5)


def test_adam_follows_the_schedule_without_a_rate_of_its_own():
    rule = train_config.AdamConfig(learning_rate=None)
    optimizer = optimizers.build_optimizer(poly_config(optimizer=rule))
    rates = []
    weight = keras.Variable([1.0], name="kernel")
    for _ in range(3):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([tf.constant([2.0])], [weight])
    assert rates == pytest.approx([1.0, 0.75, 0.5])


def test_adam_keeps_the_shares_that_it_is_told():
    rule = train_config.AdamConfig(
        learning_rate=0.1, beta_1=0.5, beta_2=0.75, epsilon=1.0
    )
    optimizer = optimizers.build_optimizer(poly_config(optimizer=rule))
    weight = keras.Variable([1.0], name="kernel")
    optimizer.apply([tf.constant([2.0])], [weight])
    # m = 0.5 g, v = 0.25 g^2, rate 0.1 * sqrt(1 - 0.75) / (1 - 0.5).
    assert float(weight[0]) == pytest.approx(1 - 0.1 * 1.0 / (1.0 + 1.0))


def test_decoupled_decay_takes_its_share_off_the_kernels_alone():
    rule = train_config.AdamConfig(learning_rate=0.1, weight_decay=0.5)
    optimizer = optimizers.build_optimizer(poly_config(optimizer=rule))
    assert isinstance(optimizer, optimizers.DecoupledAdam)
    names = ("kernel", "depthwise_kernel", "bias", "gamma")
    weights = [keras.Variable([2.0], name=name) for name in names]
    optimizer.build(weights)
    optimizer.apply([tf.constant([0.0])] * 4, weights)
    # 2 - 0.1 * 0.5 * 2; without a gradient Adam itself moves nothing.
    assert [float(weight[0]) for weight in weights] == pytest.approx([1.9, 2, 2, 2])


def test_adam_without_decay_is_keras_own():
    rule = train_config.AdamConfig()
    optimizer = optimizers.build_optimizer(poly_config(optimizer=rule))
    assert type(optimizer) is keras.optimizers.Adam
    assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)


@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_clip_gradients_by_hand(scale):
    gradients = [scale * tf.constant([3.0, 0.0]), None, scale * tf.constant(4.0)]
    clipped, norm = optimizers.clip_gradients(gradients, norm=1.0, scale=scale)
    assert float(norm) == pytest.approx(5.0)
    np.testing.assert_allclose(clipped[0], [0.6 * scale, 0.0], rtol=1e-6)
    assert clipped[1] is None
    assert float(clipped[2]) == pytest.approx(0.8 * scale)
    short, norm = optimizers.clip_gradients(gradients, norm=6.0, scale=scale)
    assert float(norm) == pytest.approx(5.0)
    np.testing.assert_array_equal(short[0], gradients[0])


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_clip_gradients_does_not_hide_what_is_not_finite(bad):
    gradients = [tf.constant([bad, 1.0]), tf.constant(4.0)]
    clipped, norm = optimizers.clip_gradients(gradients, norm=1.0)
    assert not np.isfinite(norm)
    assert not np.isfinite(clipped[0]).all()


def test_float16_scales_the_loss():
    optimizer = optimizers.build_optimizer(poly_config(precision="mixed_float16"))
    weight = keras.Variable([1.0], name="kernel")
    optimizer.build([weight])
    scale = float(optimizer.scale_loss(tf.constant(1.0)))
    assert scale > 1
    optimizer.apply([scale * 2.0 * weight.value], [weight])
    assert float(weight[0]) == pytest.approx(momentum_by_hand(1))


def test_other_optimizer_is_an_error():
    with pytest.raises(ValueError, match="MomentumConfig or an AdamConfig"):
        optimizers.build_optimizer(poly_config(optimizer=train_config.SlowStart()))


@pytest.mark.parametrize(
    ("path", "decays"),
    [
        ("conv/kernel", True),
        ("expanded_conv_1_expand/kernel", True),
        ("expanded_conv_1_depthwise/depthwise_kernel", False),
        ("expanded_conv_1_expand/norm/gamma", False),
        ("expanded_conv_1_expand/norm/moving_mean", False),
        ("aspp/aspp1/pointwise/kernel", True),
        ("aspp/aspp1/depthwise/depthwise_kernel", False),
        # Of a searched cell.
        ("cell_3_comb_iter_0_left_separable_5x5_1/depthwise_kernel", True),
        ("cell_3_comb_iter_0_left_separable_5x5_1/pointwise/kernel", True),
        ("decoder/decoder_conv0/bias", False),
        ("logits/kernel", True),
        ("logits/bias", False),
    ],
)
def test_weight_decay_acts_on_convolution_kernels(path, decays):
    factor = optimizers.factor_of(
        path, rules=optimizers.WEIGHT_DECAY_RULES, default=0.0
    )
    assert factor == float(decays)


def test_l2_loss_is_half_the_sum_of_squares():
    variables = [
        keras.Variable([3.0, 4.0], name="kernel"),
        keras.Variable([5.0], name="depthwise_kernel"),
        keras.Variable([6.0], name="bias"),
    ]
    value = optimizers.l2_loss(variables, weight_decay=0.1)
    assert float(value) == pytest.approx(0.1 * (9 + 16) / 2)


def test_weight_decay_is_the_gradient_of_the_l2_loss():
    names = ("kernel", "kernel", "beta", "bias")
    variables = [keras.Variable(float(i), name=name) for i, name in enumerate(names)]
    variables[0].assign(5.0)
    others = [tf.constant(2.0), None, tf.constant(3.0), None]
    with tf.GradientTape() as tape:
        l2_loss = optimizers.l2_loss(variables, weight_decay=0.5)
    decay = tape.gradient(l2_loss, [each.value for each in variables])
    assert decay[0] is not None and decay[2:] == [None, None]
    sums = optimizers.add_weight_decay(
        others, variables=variables, weight_decay=0.5, scale=8.0
    )
    assert float(sums[0]) == pytest.approx(2.0 + 8 * float(decay[0]))
    assert float(sums[1]) == pytest.approx(8 * float(decay[1]))
    assert sums[2] is others[2]
    assert sums[3] is None


@pytest.mark.reference
@pytest.mark.parametrize("logits_only", [False, True])
def test_gradient_multipliers_are_those_of_the_original(reference, logits_only):
    file = reference / "reference" / "official" / "functions.json"
    recorded = json.loads(file.read_text())["gradient_multipliers"]["value"]
    expected = recorded[f"last_layers_contain_logits_only={logits_only}"]
    assert set(expected) == set(PATHS)
    config = train_config.TrainConfig(
        last_layer_gradient_multiplier=10.0,
        last_layers_contain_logits_only=logits_only,
    )
    ours = {
        name: optimizers.gradient_multiplier(PATHS[name], config=config)
        for name in expected
    }
    assert ours == expected


@pytest.mark.parametrize(
    "path",
    [
        "logits/kernel",
        "fc6_1/kernel",
        "fc7_4/kernel",
        "image_conv/kernel",
        "pool4_fc/kernel",
    ],
)
def test_heads_of_v1_and_v2_follow_the_backbone(path):
    config = train_config.TrainConfig(last_layer_gradient_multiplier=10.0)
    assert optimizers.gradient_multiplier(path, config=config) == 10.0
    # LargeFOV's are the backbone's.
    assert optimizers.gradient_multiplier("fc6/kernel", config=config) == 1.0


def test_frozen_paths_leave_variables_out():
    network = toy_network.build_toy()
    config = train_config.TrainConfig(frozen_paths=(r"(^|/)(gamma|beta)$", "^conv/"))
    trained = optimizers.trained_variables(network, config=config)
    assert [v.path for v in trained] == ["logits/kernel", "logits/bias"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("^gama$", "'\\^gama\\$' of frozen_paths"), ("", "nothing to train")],
)
def test_frozen_paths_that_mean_nothing_are_an_error(pattern, message):
    config = train_config.TrainConfig(frozen_paths=(pattern,))
    with pytest.raises(ValueError, match=message):
        optimizers.trained_variables(toy_network.build_toy(), config=config)


def test_gradients_are_multiplied_in_place_of_their_variables():
    config = train_config.TrainConfig(last_layer_gradient_multiplier=10.0)
    variables = [
        variable(path) for path in ("conv/kernel", "logits/bias", "logits/kernel")
    ]
    gradients = [tf.constant(1.0), tf.constant(1.0), None]
    products = optimizers.multiply_gradients(
        gradients, variables=variables, config=config
    )
    assert products[0] is gradients[0]
    assert float(products[1]) == 20.0
    assert products[2] is None
