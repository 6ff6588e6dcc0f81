# Licensed under the Apache License, Version 2.0.
"""Three training steps come out as the original's, number by number.

The recorded network has random weights and few pixels per batch norm: another order of
summation in a convolution moves the first gradients of its first layers by 4 % and the
loss of the third step by 2 %. So the steps run in a process of their own, without
oneDNN's kernels, as they were recorded; there they agree to the last bits.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.checkpoints import importer, slim_names
from deeplab_tf.config import train as train_config
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.models import build_model
from deeplab_tf.training import loop, optimizers

pytestmark = [pytest.mark.reference, pytest.mark.slow]

CONFIG = train_config.TrainConfig(
    steps=4,
    batch_size=4,
    loss=SoftmaxCrossEntropy(),
    schedule=train_config.PolySchedule(learning_rate=0.01, power=0.9),
    optimizer=train_config.MomentumConfig(momentum=0.9),
    weight_decay=4e-5,
    last_layer_gradient_multiplier=10.0,
)
STEPS = 3
NAME = "train_steps_mobilenet_v2_dm05"
SCOPE = "MobilenetV2"


def build_network():
    """Returns the original's network."""
    backbone = MobileNetV2Config(depth_multiplier=0.5, output_stride=16)
    return build_model(DeepLabV3Config(num_classes=21, backbone=backbone, aspp=None))


def read_case(reference):
    return json.loads((reference / f"reference/official/{NAME}.json").read_text())


def draw_weights(reference):
    """Returns the weights before the first step, by the original's names."""
    spec = importlib.util.spec_from_file_location(
        "reference_weights", reference / "reference/reference_weights.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.case_weights(read_case(reference)))


def by_name(factor):
    """Returns factor(path) of all variables of the network, by the original's names."""
    paths = [weight.path for weight in build_network().weights]
    return {slim_names.slim_name(path, scope=SCOPE): factor(path) for path in paths}


def run_first_step(model, batch):
    """Returns logits, and gradients before multipliers by the original's names.

    Leaves the moving statistics changed.
    """
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        outputs = model(batch["image"], training=True)
        loss = CONFIG.loss(batch, outputs)
        loss += optimizers.l2_loss(variables, weight_decay=CONFIG.weight_decay)
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    names = [slim_names.slim_name(variable.path, scope=SCOPE) for variable in variables]
    return outputs["semantic"], dict(zip(names, gradients, strict=True))


def run_steps(reference, target):
    """Runs what was recorded and writes it to an npz file under the same names."""
    # More threads may sum up in another order.
    tf.config.threading.set_intra_op_parallelism_threads(2)
    initial = draw_weights(reference)
    recorded = np.load(reference / f"reference/official/{NAME}.npz")
    batch = {
        "image": tf.cast(recorded["images"], tf.float32),
        "labels": tf.cast(recorded["labels"][..., 0], tf.int32),
    }
    model = build_network()
    importer.import_weights(model, initial, slim_names.slim_rules(SCOPE))
    logits, gradients = run_first_step(model, batch)
    results = {f"gradient_first_step/{n}": value for n, value in gradients.items()}
    results["logits_first_step"] = logits

    importer.import_weights(model, initial, slim_names.slim_rules(SCOPE))
    trainer = loop.TrainLoop(model, config=CONFIG, loss=CONFIG.loss)
    logs = []
    for step in range(1, STEPS + 1):
        logs.append(trainer.run([batch], steps=step))
        for weight in model.weights:
            name = slim_names.slim_name(weight.path, scope=SCOPE)
            results[f"after_{step}/{name}"] = weight.numpy()
    for key in ("loss", "l2_loss", "learning_rate"):
        results[key] = np.array([log[key] for log in logs])
    np.savez(target, **results)


@pytest.fixture(scope="module")
def case(reference):
    return read_case(reference)


@pytest.fixture(scope="module")
def recorded(reference):
    return np.load(reference / f"reference/official/{NAME}.npz")


@pytest.fixture(scope="module")
def initial(reference):
    return draw_weights(reference)


@pytest.fixture(scope="module")
def ours(reference, tmp_path_factory):
    target = tmp_path_factory.mktemp("steps") / "steps.npz"
    subprocess.run(
        [sys.executable, __file__, reference, target],
        env=os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"},
        check=True,
    )
    return np.load(target)


def assert_close(actual, expected, *, tolerance):
    """Compares with a share of the largest expected value."""
    largest = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * largest)


def test_weight_decay_acts_on_the_variables_of_the_original(case):
    rules = optimizers.WEIGHT_DECAY_RULES
    factors = by_name(lambda p: optimizers.factor_of(p, rules=rules, default=0.0))
    assert {n for n, factor in factors.items() if factor} == set(case["l2_regularised"])
    assert set(factors.values()) == {0.0, 1.0}


def test_multipliers_are_those_of_the_original(case):
    factors = by_name(lambda p: optimizers.gradient_multiplier(p, config=CONFIG))
    scaled = {name: factor for name, factor in factors.items() if factor != 1}
    assert scaled == case["gradient_multipliers"]


def test_losses_and_rates_are_those_of_the_original(recorded, ours):
    np.testing.assert_allclose(ours["l2_loss"], recorded["l2"], rtol=1e-6)
    cross_entropy = ours["loss"] - ours["l2_loss"]
    np.testing.assert_allclose(cross_entropy, recorded["cross_entropy"], rtol=1e-6)
    np.testing.assert_allclose(
        ours["learning_rate"], recorded["learning_rate"], rtol=1e-6
    )


def test_logits_are_those_of_the_original(recorded, ours):
    # Recorded in float16.
    expected = recorded["logits_first_step"].astype("float32")
    assert_close(ours["logits_first_step"], expected, tolerance=1e-3)


def test_gradients_are_those_of_the_original(case, recorded, ours):
    names = [name for name in recorded if name.startswith("gradient_first_step/")]
    for name in names:
        assert_close(ours[name], recorded[name], tolerance=1e-5)
    for name, _, _, expected_norm, _, _ in case["variables"]:
        key = f"gradient_first_step/{name}"
        assert (key in ours) == (expected_norm is not None)
        if expected_norm is not None:
            norm = np.linalg.norm(ours[key].astype("float64"))
            assert norm == pytest.approx(expected_norm, rel=1e-5), name


# Rounding of the first two steps shows in the third.
@pytest.mark.parametrize(("step", "tolerance"), [(1, 1e-4), (STEPS, 1e-2)])
def test_values_after_a_step_are_those_of_the_original(
    recorded, ours, initial, step, tolerance
):
    names = [name for name in recorded if name.startswith(f"after_{step}/")]
    assert any(name.endswith("moving_variance") for name in names)
    for name in names:
        start = initial[name.split("/", 1)[1]]
        # Values of 1 are multiples of 1e-7, and so are their changes.
        np.testing.assert_allclose(
            ours[name] - start,
            recorded[name] - start,
            rtol=0,
            atol=tolerance * np.abs(recorded[name] - start).max() + 1.2e-7,
            err_msg=name,
        )


@pytest.mark.parametrize(("step", "tolerance"), [(1, 1e-4), (STEPS, 1e-2)])
def test_changes_of_all_variables_are_as_large_as_the_originals(
    case, ours, initial, step, tolerance
):
    column = {1: 4, STEPS: 5}[step]
    for row in case["variables"]:
        name, expected = row[0], row[column]
        change = ours[f"after_{step}/{name}"].astype("float64") - initial[name]
        norm = np.linalg.norm(change)
        assert norm == pytest.approx(expected, rel=tolerance, abs=1e-7), name


if __name__ == "__main__":
    run_steps(pathlib.Path(sys.argv[1]), sys.argv[2])
