# Licensed under the Apache License, Version 2.0.
"""One update: parts of a batch, clipping, averages, float16, memory."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config.train import AdamConfig, PolySchedule, TrainConfig
from deeplab_tf.layers.batch_norm import BatchNorm
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.training import loop, step
from tests.training import toy_network
from tests.training.test_loop import Recorder, batches_of

STEPS = 3


def build_frozen():
    """Returns the toy with a batch norm whose statistics stay as they are."""
    toy = toy_network.build_toy(norm=False)
    x = toy.get_layer("conv").output
    norm = BatchNorm(train_norm=False, name="norm")
    x = toy_network.add_atrous(toy.get_layer("relu")(norm(x)))
    x = toy.get_layer("logits")(x)
    norm.moving_mean.assign(np.linspace(-0.2, 0.2, 6))
    norm.moving_variance.assign(np.linspace(0.5, 1.5, 6))
    return keras.Model(toy.input, {"semantic": x})


def ignored_arrays(num_images=24):
    """Returns images of which each has another number of ignored pixels."""
    arrays = toy_network.toy_arrays(num_images)
    share = np.linspace(0, 1, num_images)[:, None, None]
    noise = np.random.default_rng(1).random(arrays["labels"].shape)
    arrays["labels"][noise < share] = 255
    return arrays


def train_toy(config, *, loss=None, build=build_frozen, batch_size=8):
    """Returns the losses and the weights of a few steps."""
    keras.utils.set_random_seed(1)
    training = loop.TrainLoop(
        build(), config=config, loss=loss or SoftmaxCrossEntropy()
    )
    recorder = Recorder()
    batches = batches_of(ignored_arrays(), batch_size)
    training.run(batches, steps=STEPS, callbacks=[recorder])
    return recorder.losses, training


def toy_config(**options):
    options = {
        "steps": STEPS,
        "batch_size": 8,
        "weight_decay": 0.01,
        "schedule": PolySchedule(learning_rate=0.3),
        "last_layer_gradient_multiplier": 10.0,
        **options,
    }
    return TrainConfig(**options)


def assert_equal_training(ours, expected, *, rtol=1e-5):
    np.testing.assert_allclose(ours[0], expected[0], rtol=rtol)
    weights, others = ours[1].model.weights, expected[1].model.weights
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(
            weight.numpy(), other.numpy(), rtol=rtol, atol=1e-6, err_msg=weight.path
        )


@pytest.mark.slow
@pytest.mark.parametrize("parts", [2, 8])
def test_accumulated_parts_train_as_the_whole_batch(parts):
    whole = train_toy(toy_config())
    accumulated = train_toy(toy_config(gradient_accumulation=parts))
    assert_equal_training(accumulated, whole)
    before = build_frozen().weights
    moved = [
        np.abs(weight.numpy() - old.numpy()).max()
        for weight, old in zip(whole[1].model.weights, before, strict=True)
        if weight.trainable
    ]
    assert min(moved) > 1e-3, "the comparison says something"


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": AdamConfig(learning_rate=0.01, weight_decay=0.1)},
        {"clip_norm": 0.1},
        {"moving_average_decay": 0.9},
        {"precision": "mixed_float16"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_accumulation_goes_with_every_other_option(options):
    whole = train_toy(toy_config(**options))
    accumulated = train_toy(toy_config(gradient_accumulation=4, **options))
    # Adam's first steps do not depend on the size of a gradient, nor on its digits.
    assert_equal_training(accumulated, whole, rtol=1e-4)


@pytest.mark.slow
def test_mean_of_the_parts_means_would_be_another_update():
    """The test of equality could fail: ignored pixels are spread unevenly."""

    def plain(targets, outputs, *, step, batch_targets=None):
        share = 1.0 if batch_targets is None else 0.25
        return SoftmaxCrossEntropy()(targets, outputs) * share

    losses, _ = train_toy(toy_config(gradient_accumulation=4), loss=plain)
    expected, _ = train_toy(toy_config())
    assert not np.allclose(losses, expected, rtol=1e-3)


def test_accumulation_needs_a_loss_that_knows_parts():
    with pytest.raises(ValueError, match="a loss that takes `batch_targets`"):
        train_toy(
            toy_config(gradient_accumulation=2),
            loss=lambda targets, outputs, *, step: 0.0,
        )


def test_a_batch_that_makes_no_equal_parts_is_an_error():
    with pytest.raises(ValueError, match=r"must divide the images .* which are 6"):
        train_toy(toy_config(gradient_accumulation=4), batch_size=6)


def test_clipping_shortens_the_gradient_of_all_variables_together():
    config = toy_config(clip_norm=0.05, weight_decay=0.0, steps=1)
    keras.utils.set_random_seed(1)
    training = loop.TrainLoop(build_frozen(), config=config, loss=SoftmaxCrossEntropy())
    before = [v.numpy() for v in training.model.trainable_variables]
    logs = training.run(batches_of(ignored_arrays(), 8), steps=1)
    after = [v.numpy() for v in training.model.trainable_variables]
    # Momentum's first update is the rate times the gradient, 0.3 * 0.05 long.
    moved = np.sqrt(
        sum(np.sum((a - b) ** 2) for a, b in zip(after, before, strict=True))
    )
    assert moved == pytest.approx(0.3 * 0.05, rel=1e-4)
    assert logs["gradient_norm"] > 0.05


@pytest.mark.slow
def test_clipping_does_not_see_the_loss_scale():
    options = {"clip_norm": 0.05, "steps": 1}
    plain = train_toy(toy_config(**options))
    scaled = train_toy(toy_config(precision="mixed_float16", **options))
    assert_equal_training(scaled, plain)


def overflow(*, steps, targets, outputs, number):
    """Returns the loss; the gradient of the given steps is too large for float16."""

    @tf.custom_gradient
    def burst(x):
        is_bad = tf.reduce_any(tf.equal(number, tf.constant(steps, tf.int64)))
        return x, lambda dy: dy * tf.where(is_bad, np.inf, 1.0)

    return SoftmaxCrossEntropy()(targets, {"semantic": burst(outputs["semantic"])})


def test_float16_leaves_out_an_update_whose_gradient_is_too_large(caplog):
    def loss(targets, outputs, *, step):
        return overflow(steps=[1], targets=targets, outputs=outputs, number=step)

    config = toy_config(precision="mixed_float16", log_steps=1, clip_norm=1.0)
    with caplog.at_level(logging.INFO):
        losses, training = train_toy(config, loss=loss)
    assert np.isfinite(losses).all()
    assert all(np.isfinite(w.numpy()).all() for w in training.model.weights)
    assert int(training.optimizer.iterations) == STEPS - 1
    assert training.step == STEPS
    assert "1 updates were left out" in caplog.text
    assert float(training.optimizer.dynamic_scale) == 2.0**14


def test_float16_stops_where_no_scale_helps():
    def loss(targets, outputs, *, step):
        steps = list(range(100))
        return overflow(steps=steps, targets=targets, outputs=outputs, number=step)

    config = toy_config(steps=30, precision="mixed_float16", log_steps=20)
    keras.utils.set_random_seed(1)
    training = loop.TrainLoop(build_frozen(), config=config, loss=loss)
    with pytest.raises(loop.NonFiniteLossError, match="gradients are not finite"):
        training.run(batches_of(ignored_arrays(), 8), steps=30)
    assert training.step == 20


def run_out_of_memory(*_, **__):
    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["8 images of 17 x 17", "gradient_accumulation to 2", "mixed_bfloat16"]),
        ({"gradient_accumulation": 4}, ["2 images", "gradient_accumulation to 8"]),
    ],
)
def test_memory_that_does_not_suffice_says_what_to_lower(
    options, expected, monkeypatch
):
    monkeypatch.setattr(step.TrainStep, "_gradients", run_out_of_memory)
    with pytest.raises(step.StepMemoryError) as caught:
        train_toy(toy_config(**options))
    for words in [*expected, "--train_crop_size"]:
        assert words in str(caught.value)


def test_memory_of_single_images_does_not_ask_for_smaller_parts(monkeypatch):
    monkeypatch.setattr(step.TrainStep, "_gradients", run_out_of_memory)
    config = toy_config(gradient_accumulation=8, precision="mixed_bfloat16")
    with pytest.raises(step.StepMemoryError) as caught:
        train_toy(config)
    assert "1 image of 17 x 17" in str(caught.value)
    assert "--gradient_accumulation" not in str(caught.value)
    assert "--precision" not in str(caught.value)


def build_mixed():
    """Returns the toy with its batch norm trained, in the precision of the policy."""
    toy = toy_network.build_toy(norm=False)
    norm = BatchNorm(momentum=0.9, name="norm")
    x = toy.get_layer("relu")(norm(toy.get_layer("conv").output))
    x = toy_network.add_atrous(x)
    return keras.Model(toy.input, {"semantic": toy.get_layer("logits")(x)})


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_follows_the_curve_of_float32(precision):
    curves = {}
    policy = keras.config.dtype_policy()
    for name in ("float32", precision):
        keras.config.set_dtype_policy(name)
        try:
            config = toy_config(precision=name, last_layer_gradient_multiplier=1.0)
            curves[name], training = train_toy(config, build=build_mixed)
        finally:
            keras.config.set_dtype_policy(policy)
    assert training.model.get_layer("conv").compute_dtype == precision[6:]
    assert {weight.dtype for weight in training.model.weights} == {"float32"}
    kinds = {variable.dtype for variable in training.optimizer.variables}
    assert not kinds & {"float16", "bfloat16"}
    outputs = training.model(ignored_arrays(2)["image"])
    assert outputs["semantic"].dtype == tf.float32
    # bfloat16 has 8 binary digits.
    np.testing.assert_allclose(curves[precision], curves["float32"], rtol=2**-7)
