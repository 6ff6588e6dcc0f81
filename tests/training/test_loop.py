# Licensed under the Apache License, Version 2.0.
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config.train import (
    AdamConfig,
    MomentumConfig,
    PolySchedule,
    TrainConfig,
)
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.training import loop
from tests.training import toy_network


def batches_of(arrays, batch_size=4):
    data = tf.data.Dataset.from_tensor_slices(arrays)
    return data.repeat().batch(batch_size, drop_remainder=True)


def build_loop(config, *, loss=None, **options):
    keras.utils.set_random_seed(1)
    model = toy_network.build_toy(**options)
    return loop.TrainLoop(model, config=config, loss=loss or SoftmaxCrossEntropy())


class Recorder(keras.callbacks.Callback):
    def __init__(self, stop_at=None):
        super().__init__()
        self.events = []
        self.losses = []
        self._stop_at = stop_at

    def on_train_begin(self, logs=None):
        self.events.append("train begins")

    def on_train_batch_begin(self, batch, logs=None):
        self.events.append(f"{batch} begins")

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(f"{batch} ends")
        self.losses.append(float(logs["loss"]))
        if batch == self._stop_at:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.events.append("train ends")


def test_two_weight_decays_are_warned_of(caplog):
    build_loop(TrainConfig(weight_decay=4e-5))
    build_loop(TrainConfig(weight_decay=4e-5, optimizer=AdamConfig()))
    build_loop(TrainConfig(weight_decay=0, optimizer=AdamConfig(weight_decay=0.1)))
    assert not caplog.text
    build_loop(TrainConfig(weight_decay=4e-5, optimizer=AdamConfig(weight_decay=0.1)))
    assert "train.weight_decay=4e-05" in caplog.text
    assert "train.optimizer.weight_decay=0.1" in caplog.text
    assert "--weight_decay=0" in caplog.text


def test_run_updates_as_momentum_by_hand():
    # One weight w and images of ones: the logits are w, the loss is w itself.
    images = keras.Input((None, None, 3), name="image")
    layer = keras.layers.Conv2D(
        1, 1, use_bias=False, kernel_initializer="ones", name="logits"
    )
    model = keras.Model(images, {"semantic": layer(images)})
    config = TrainConfig(
        steps=2,
        schedule=PolySchedule(learning_rate=0.1, power=1.0),
        optimizer=MomentumConfig(momentum=0.5),
        weight_decay=0.2,
        last_layer_gradient_multiplier=10.0,
    )

    def mean_logit(targets, outputs, *, step):
        return tf.reduce_mean(outputs["semantic"]) * tf.cast(step + 1, tf.float32)

    training = loop.TrainLoop(model, config=config, loss=mean_logit)
    recorder = Recorder()
    batch = {"image": tf.ones([1, 2, 2, 3]), "labels": tf.zeros([1, 2, 2], tf.int32)}
    logs = training.run([batch, batch], steps=2, callbacks=[recorder])
    # Step 0, rate 0.1: loss 3 + 0.1 * 3; gradient 10 * (1 + 0.2) = 12, w = 1 - 1.2.
    # Step 1, rate 0.05: loss 2 * -0.6 + 0.1 * 3 * 0.04; gradient 10 * (2 - 0.04) =
    # 19.6, accumulated 6 + 19.6, w = -0.2 - 1.28.
    np.testing.assert_allclose(recorder.losses, [3.3, -1.188], rtol=1e-6)
    np.testing.assert_allclose(np.ravel(layer.kernel), [-1.48] * 3, rtol=1e-6)
    assert logs["l2_loss"] == pytest.approx(0.012)
    assert logs["learning_rate"] == pytest.approx(0.05)
    assert training.step == 2


def test_run_learns_brightness():
    config = TrainConfig(steps=60, schedule=PolySchedule(learning_rate=0.3))
    training = build_loop(config)
    recorder = Recorder()
    training.run(
        batches_of(toy_network.toy_arrays(), 4), steps=60, callbacks=[recorder]
    )
    assert recorder.losses[-1] < 0.8 * recorder.losses[0]


def test_run_calls_callbacks_with_the_number_of_updates():
    training = build_loop(TrainConfig(steps=2))
    recorder = Recorder()
    training.run(batches_of(toy_network.toy_arrays()), steps=2, callbacks=[recorder])
    assert recorder.events == [
        "train begins",
        "0 begins",
        "1 ends",
        "1 begins",
        "2 ends",
        "train ends",
    ]


def test_run_ends_when_a_callback_stops_it_and_goes_on_afterwards():
    training = build_loop(TrainConfig(steps=5))
    batches = batches_of(toy_network.toy_arrays())
    training.run(batches, steps=5, callbacks=[Recorder(stop_at=2)])
    assert training.step == 2
    training.run(batches, steps=5)
    assert training.step == 5
    assert training.run(batches, steps=5) == {}


def test_run_says_when_the_data_end():
    training = build_loop(TrainConfig(steps=5))
    data = tf.data.Dataset.from_tensor_slices(toy_network.toy_arrays()).batch(4)
    with pytest.raises(ValueError, match="ended after 2 of 5 steps"):
        training.run(data, steps=5)


def test_run_updates_moving_statistics_in_the_same_step():
    training = build_loop(TrainConfig(steps=1))
    norm = training.model.get_layer("norm")
    before = norm.moving_mean.numpy()
    training.run(batches_of(toy_network.toy_arrays()), steps=1)
    assert np.abs(norm.moving_mean.numpy() - before).max() > 0


def test_run_draws_other_dropout_masks_at_each_step():
    training = build_loop(TrainConfig(steps=3), dropout_rate=0.5)
    (state,) = loop.seed_states(training.model)
    states = [tuple(state.numpy())]
    for step in (1, 2):
        training.run(batches_of(toy_network.toy_arrays()), steps=step)
        states.append(tuple(state.numpy()))
    assert len(set(states)) == 3


@pytest.mark.parametrize("log_steps", [1, 3, 100])
def test_run_stops_at_a_loss_that_is_not_finite_and_names_the_files(log_steps):
    arrays = toy_network.toy_arrays(num_images=16)
    arrays["image"][9, 0, 0, 0] = np.nan
    training = build_loop(TrainConfig(steps=4, log_steps=log_steps))
    recorder = Recorder()
    with pytest.raises(
        loop.NonFiniteLossError, match=r"step 3\. .*picture 8, picture 9,"
    ):
        training.run(batches_of(arrays), steps=4, callbacks=[recorder])
    assert "train ends" not in recorder.events


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_run_in_mixed_precision_keeps_float32_weights_and_loss(precision):
    config = TrainConfig(
        steps=30, precision=precision, schedule=PolySchedule(learning_rate=0.3)
    )
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        training = build_loop(config, norm=False)
    finally:
        keras.config.set_dtype_policy(policy)
    recorder = Recorder()
    training.run(batches_of(toy_network.toy_arrays()), steps=30, callbacks=[recorder])
    assert training.model.get_layer("conv").compute_dtype == precision[6:]
    assert {weight.dtype for weight in training.model.weights} == {"float32"}
    assert recorder.losses[-1] < recorder.losses[0]


def test_loss_scaling_leaves_the_first_update_as_it_is():
    weights = {}
    for precision in ("float32", "mixed_float16"):
        # The optimizer scales; the network itself computes in float32 in both.
        training = build_loop(TrainConfig(steps=1, precision=precision), norm=False)
        training.run(batches_of(toy_network.toy_arrays()), steps=1)
        weights[precision] = training.model.get_weights()
    for plain, scaled in zip(*weights.values(), strict=True):
        np.testing.assert_allclose(plain, scaled, rtol=1e-5, atol=1e-7)


MIRRORED = """
import sys
import keras
import numpy as np
import tensorflow as tf
from deeplab_tf.training import loop, strategy
strategy.split_cpu(2)
from deeplab_tf.config.train import TrainConfig
from deeplab_tf.layers.batch_norm import BatchNorm
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from tests.training import toy_network
from tests.training.test_loop import Recorder, batches_of

def build(kind):
    if kind == "dropout":
        return toy_network.build_toy(dropout_rate=0.5)
    network = toy_network.build_toy(norm=False)
    x = network.get_layer("conv").output
    x = BatchNorm(momentum=0.9, synchronized=True, train_norm=kind == "trained")(x)
    x = toy_network.add_atrous(network.get_layer("relu")(x))
    return keras.Model(network.input, {"semantic": network.get_layer("logits")(x)})

def run(num_replicas, kind, *, loss=None, **options):
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    built = strategy.build_strategy("auto", num_replicas=num_replicas)
    config = TrainConfig(steps=4, batch_size=4, log_steps=1, **options)
    with built.scope():
        model = build(kind)
    training = loop.TrainLoop(
        model, config=config, loss=loss or SoftmaxCrossEntropy(), strategy=built
    )
    recorder = Recorder()
    data = batches_of(toy_network.toy_arrays(num_images=16))
    training.run(data, steps=4, callbacks=[recorder])
    return recorder.losses, training, built

ALL = {"gradient_accumulation": 2, "clip_norm": 0.05, "moving_average_decay": 0.5}
for kind, options in (("frozen", ALL), ("trained", {})):
    losses, one, _ = run(1, kind, **options)
    mirrored_losses, mirrored, built = run(2, kind, **options)
    assert built.num_replicas_in_sync == 2
    np.testing.assert_allclose(mirrored_losses, losses, rtol=1e-5)
    pairs = [*zip(one.model.weights, mirrored.model.weights, strict=True)]
    if options:
        averages = (t.moving_average.variables.values() for t in (one, mirrored))
        pairs += zip(*averages, strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)

def overflow(targets, outputs, *, step):
    # Makes a gradient too large for float16, on the second replica alone.
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    is_bad = tf.logical_and(tf.equal(step, 1), tf.equal(replica, 1))

    @tf.custom_gradient
    def burst(x):
        return x, lambda dy: dy * tf.where(is_bad, np.inf, 1.0)

    return SoftmaxCrossEntropy()(targets, {"semantic": burst(outputs["semantic"])})

losses, mixed, _ = run(2, "frozen", loss=overflow, precision="mixed_float16")
assert np.isfinite(losses).all(), losses
assert int(mixed.optimizer.iterations.numpy()) == 3, "one update is left out"

_, training, built = run(2, "dropout")
model = training.model
(state,) = loop.seed_states(model)
first, second = built.experimental_local_results(state.value)
assert first.numpy()[0] != second.numpy()[0], "both replicas drop the same values"
assert first.numpy()[1] == second.numpy()[1] == 4
for weight in model.weights:
    copies = [copy.numpy() for copy in built.experimental_local_results(weight.value)]
    if weight.trainable:
        np.testing.assert_array_equal(*copies)
arrays = toy_network.toy_arrays()
arrays["image"][5] = np.nan
bad = loop.TrainLoop(
    model, config=TrainConfig(steps=2), loss=SoftmaxCrossEntropy(), strategy=built
)
try:
    bad.run(batches_of(arrays), steps=2)
except loop.NonFiniteLossError as error:
    assert "step 2" in str(error) and "picture 4, picture 5" in str(error), error
else:
    raise AssertionError("a loss that is not finite went unnoticed")
print("done")
"""


@pytest.mark.slow
def test_two_cpu_devices_train_as_one(root):
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED], cwd=root, capture_output=True, text=True
    )
    assert done.stdout.endswith("done\n"), done.stderr[-3000:]
