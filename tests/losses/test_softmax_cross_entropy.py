# Licensed under the Apache License, Version 2.0.
"""Softmax cross entropy: hand-computed values, then the original's."""

import dataclasses
import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config import serialization
from deeplab_tf.losses import softmax_cross_entropy
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy

# One row of four pixels, two classes. The loss of class 0 is log(1 + exp(b - a)).
LOGITS = np.array([[[[0, 0], [math.log(3), 0], [0, math.log(3)], [5, -5]]]], "float32")
LABELS = np.array([[[0, 0, 0, 255]]], "int32")
PIXELS = (math.log(2), math.log(4 / 3), math.log(4))

CASES = (
    "plain",
    "two_scales",
    "no_upsample",
    "float_weight",
    "class_weights",
    "topk_now",
    "topk_big",
    "topk_class_weights",
    "topk_ramp_0",
    "topk_ramp_1",
    "topk_ramp_50",
    "topk_ramp_100",
    "topk_ramp_150",
    "all_ignored",
)

# Runs all cases on JAX, compiled, without TensorFlow.
JAX_SCRIPT = """
import json, sys
sys.modules["tensorflow"] = None
import jax, numpy as np
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy

arrays, cases = np.load(sys.argv[1]), json.load(open(sys.argv[2]))
results = {}
for name, (options, step, labels) in cases.items():
    options["class_weights"] = tuple(options.get("class_weights", ()))
    loss = SoftmaxCrossEntropy(**options)

    @jax.jit
    @jax.value_and_grad
    def compiled(logits, step):
        return loss({"labels": arrays[labels]}, {"semantic": logits}, step=step)

    value, gradient = compiled(arrays["logits_a"], step)
    results[name + "/value"], results[name + "/grad"] = value, gradient
np.savez(sys.argv[3], **results)
"""


def loss_of(loss, labels=LABELS, logits=LOGITS, step=None):
    return float(loss({"labels": labels}, {"semantic": logits}, step=step))


def test_mean_over_pixels_that_are_not_ignored():
    assert loss_of(SoftmaxCrossEntropy()) == pytest.approx(sum(PIXELS) / 3)


def test_class_weights_do_not_change_the_divisor():
    labels = np.array([[[0, 0, 1, 255]]], "int32")
    loss = SoftmaxCrossEntropy(class_weights=(1.0, 3.0))
    expected = (math.log(2) + math.log(4 / 3) + 3 * math.log(4 / 3)) / 3
    assert loss_of(loss, labels) == pytest.approx(expected)


def test_weight_multiplies_class_weights():
    loss = SoftmaxCrossEntropy(class_weights=(2.0, 3.0), weight=0.5)
    assert loss_of(loss) == pytest.approx(sum(PIXELS) / 3)


def test_hard_pixels_are_a_share_of_all_pixels():
    # Half of four pixels, although one of the four is ignored.
    loss = SoftmaxCrossEntropy(top_k_fraction=0.5)
    assert loss_of(loss) == pytest.approx((math.log(4) + math.log(2)) / 2)


def test_hard_pixels_that_are_zero_do_not_count():
    labels = np.array([[[0, 255, 255, 255]]], "int32")
    assert loss_of(SoftmaxCrossEntropy(top_k_fraction=0.75), labels) == pytest.approx(
        math.log(2)
    )


def test_hard_pixels_fewer_than_one_give_zero():
    assert loss_of(SoftmaxCrossEntropy(top_k_fraction=0.2)) == 0


@pytest.mark.parametrize(
    ("step", "kept"), [(0, PIXELS), (1, PIXELS), (2, PIXELS[::2]), (9, PIXELS[::2])]
)
def test_share_of_hard_pixels_falls_over_the_steps(step, kept):
    # The shares are 1, 3/4, 1/2 and, past the ramp, 1/2 of four pixels.
    loss = SoftmaxCrossEntropy(top_k_fraction=0.5, hard_example_mining_steps=2)
    assert loss_of(loss, step=step) == pytest.approx(sum(kept) / len(kept))


def test_step_is_required_by_the_ramp():
    loss = SoftmaxCrossEntropy(top_k_fraction=0.5, hard_example_mining_steps=2)
    with pytest.raises(ValueError, match="needs the step"):
        loss_of(loss)


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_all_ignored_gives_zero_and_no_gradient(fraction):
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = SoftmaxCrossEntropy(top_k_fraction=fraction)(
            {"labels": np.full_like(LABELS, 255)}, {"semantic": logits}
        )
    assert float(value) == 0
    np.testing.assert_array_equal(tape.gradient(value, logits), np.zeros_like(LOGITS))


@pytest.mark.parametrize("weights", [(), (1.0, 1.0)], ids=["plain", "weighted"])
@pytest.mark.parametrize("label", [2, 254, -1])
def test_unknown_label_adds_nothing_but_counts(label, weights):
    labels = np.array([[[0, 0, label, 255]]], "int32")
    loss = SoftmaxCrossEntropy(class_weights=weights)
    assert loss_of(loss, labels) == pytest.approx(sum(PIXELS[:2]) / 3)


def test_ignore_label_may_be_a_class():
    labels = np.array([[[0, 0, 1, 1]]], "int32")
    loss = SoftmaxCrossEntropy(ignore_label=1)
    assert loss_of(loss, labels) == pytest.approx(sum(PIXELS[:2]) / 2)


def test_every_scale_adds_a_term():
    outputs = {"semantic": LOGITS, "semantic/0.5": LOGITS, "center": LOGITS}
    value = SoftmaxCrossEntropy()({"labels": LABELS}, outputs)
    assert float(value) == pytest.approx(2 * sum(PIXELS) / 3)


@pytest.mark.parametrize(
    ("convention", "pixel"), [("align_corners", 0), ("half_pixel", 3)]
)
def test_labels_are_subsampled_by_8(convention, pixel):
    labels = np.full((1, 321, 321), 255, "int32")
    labels[0, pixel, pixel] = 1
    logits = np.zeros((1, 41, 41, 2), "float32")
    logits[0, 0, 0] = [math.log(3), 0]
    loss = SoftmaxCrossEntropy(upsample_logits=False, resize=convention)
    assert loss_of(loss, labels, logits) == pytest.approx(math.log(4))


def test_missing_output_is_an_error():
    with pytest.raises(ValueError, match=r"'semantic', got \['center'\]"):
        SoftmaxCrossEntropy()({"labels": LABELS}, {"center": LOGITS})


def test_wrong_number_of_class_weights_is_an_error():
    with pytest.raises(ValueError, match="each of the 2 classes, got 3"):
        loss_of(SoftmaxCrossEntropy(class_weights=(1.0, 1.0, 1.0)))


@pytest.mark.parametrize(
    "options",
    [
        {"class_weights": (1.0, float("nan"))},
        {"class_weights": (-1.0, 1.0)},
        {"weight": float("inf")},
    ],
    ids=["nan", "negative", "infinite"],
)
def test_weight_that_breaks_the_loss_is_an_error(options):
    with pytest.raises(ValueError, match="finite and not negative"):
        SoftmaxCrossEntropy(**options)


@pytest.mark.parametrize("fraction", [0.0, 1.5])
def test_impossible_fraction_is_an_error(fraction):
    with pytest.raises(ValueError, match="top_k_fraction"):
        SoftmaxCrossEntropy(top_k_fraction=fraction)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_result_is_float32_for_low_precision_logits(dtype):
    logits = tf.cast(LOGITS, dtype)
    value = SoftmaxCrossEntropy()({"labels": LABELS}, {"semantic": logits})
    assert value.dtype == tf.float32
    assert float(value) == pytest.approx(sum(PIXELS) / 3, rel=1e-2)


@pytest.mark.parametrize("fraction", [1.0, 0.5])
@pytest.mark.parametrize("upsample", [True, False])
def test_unknown_shapes_give_the_same_value(fraction, upsample):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((2, 5, 7, 3)).astype("float32")
    labels = rng.integers(0, 4, (2, 17, 25)).astype("int32")
    loss = SoftmaxCrossEntropy(
        ignore_label=3, top_k_fraction=fraction, upsample_logits=upsample
    )

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, None], tf.int32),
            tf.TensorSpec([None, None, None, 3]),
        ]
    )
    def compiled(labels, logits):
        return loss({"labels": labels}, {"semantic": logits})

    assert float(compiled(labels, logits)) == pytest.approx(
        loss_of(loss, labels, logits), rel=1e-6
    )


def test_configuration_survives_json():
    loss = SoftmaxCrossEntropy(class_weights=(1.0, 2.0), top_k_fraction=0.25)
    assert serialization.from_json(serialization.to_json(loss)) == loss


def options_of(case):
    """Returns the fields of our loss for the options of a recorded case."""
    ours = {"upsample_logits": case.get("upsample_logits", True)}
    ours["top_k_fraction"] = case.get("top_k_percent_pixels", 1.0)
    ours["hard_example_mining_steps"] = case.get("hard_example_mining_step", 0)
    weight = case.get("loss_weight", 1.0)
    ours["class_weights" if isinstance(weight, list) else "weight"] = weight
    return ours


@pytest.fixture(scope="module")
def recorded(reference):
    folder = reference / "reference" / "official"
    values = dict(np.load(folder / "functions.npz"))
    # Its labels are recorded as one channel, and those of the last case by their rule.
    values["loss/labels"] = values["loss/labels"][..., 0]
    values["loss/all_ignored"] = np.full_like(values["loss/labels"], 255)
    cases = json.loads((folder / "functions.json").read_text())
    return values, cases


@pytest.mark.reference
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_the_original(recorded, name):
    values, cases = recorded
    case = cases[f"loss/{name}/value"]["options"]
    options = options_of(case)
    options["class_weights"] = tuple(options.get("class_weights", ()))
    loss = SoftmaxCrossEntropy(**options)
    labels = values["loss/all_ignored" if name == "all_ignored" else "loss/labels"]
    expected_values = values[f"loss/{name}/value"]
    for scale, expected in zip(case["scales"], expected_values, strict=True):
        logits = tf.constant(values[f"loss/logits_{scale}"])
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(
                {"labels": labels}, {"semantic": logits}, step=case["global_step"]
            )
        assert float(value) == pytest.approx(float(expected), rel=1e-6)
        if scale == "a" and f"loss/{name}/grad" in values:
            gradient = values[f"loss/{name}/grad"]
            np.testing.assert_allclose(
                tape.gradient(value, logits),
                gradient,
                rtol=0,
                atol=1e-6 * np.abs(gradient).max(),
            )


@pytest.mark.reference
def test_two_scales_add_up(recorded):
    values, _ = recorded
    outputs = {
        "semantic": values["loss/logits_a"],
        "semantic/0.5": values["loss/logits_b"],
    }
    value = SoftmaxCrossEntropy()({"labels": values["loss/labels"]}, outputs)
    expected = values["loss/two_scales/value"].sum()
    assert float(value) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.reference
def test_label_weight_mask_is_that_of_the_original(recorded):
    values, _ = recorded
    mask = softmax_cross_entropy.label_weight_mask(
        values["label_weight_mask/labels"],
        num_classes=5,
        ignore_label=255,
        class_weights=tuple(values["loss/class_weights"].tolist()),
    )
    np.testing.assert_array_equal(mask, values["label_weight_mask/value"])


@pytest.mark.reference
@pytest.mark.slow
def test_jax_gives_the_values_of_the_original(recorded, tmp_path):
    values, cases = recorded
    arrays = {name: values[f"loss/{name}"] for name in ("logits_a", "labels")}
    arrays["all_ignored"] = values["loss/all_ignored"]
    np.savez(tmp_path / "arrays.npz", **arrays)
    described = {}
    for name in CASES:
        case = cases[f"loss/{name}/value"]["options"]
        labels = "all_ignored" if name == "all_ignored" else "labels"
        described[name] = (options_of(case), case["global_step"], labels)
    (tmp_path / "cases.json").write_text(json.dumps(described))
    paths = [tmp_path / file for file in ("arrays.npz", "cases.json", "results.npz")]
    subprocess.run(
        [sys.executable, "-c", JAX_SCRIPT, *paths],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        check=True,
    )
    results = np.load(paths[-1])
    for name in CASES:
        expected = values[f"loss/{name}/value"][0]
        np.testing.assert_allclose(results[f"{name}/value"], expected, rtol=2e-6)
        gradient = values.get(f"loss/{name}/grad")
        if gradient is not None:
            np.testing.assert_allclose(
                results[f"{name}/grad"],
                gradient,
                rtol=0,
                atol=2e-6 * np.abs(gradient).max(),
            )


def losses_of_parts(loss, labels, logits, *, size=1):
    """Returns the loss of the whole batch and those of its parts."""
    whole = loss({"labels": labels}, {"semantic": logits})
    parts = [
        loss(
            {"labels": labels[i : i + size]},
            {"semantic": logits[i : i + size]},
            batch_targets={"labels": labels},
        )
        for i in range(0, len(labels), size)
    ]
    return float(whole), [float(part) for part in parts]


def test_a_part_is_divided_by_the_pixels_of_its_batch():
    labels = np.concatenate([LABELS, [[[255, 255, 255, 0]]]])
    logits = np.concatenate([LOGITS, LOGITS])
    whole, parts = losses_of_parts(SoftmaxCrossEntropy(), labels, logits)
    expected = [sum(PIXELS) / 4, math.log1p(math.exp(-10)) / 4]
    assert parts == pytest.approx(expected, abs=1e-7)
    assert sum(parts) == pytest.approx(whole)


@pytest.mark.parametrize("upsample_logits", [True, False])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_parts_add_up_however_ignored_pixels_are_spread(upsample_logits, size):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, [4, 9, 9])
    labels[rng.random(labels.shape) < np.array([1, 0.8, 0.1, 0])[:, None, None]] = 255
    logits = rng.standard_normal([4, 5, 5, 3]).astype("float32")
    loss = SoftmaxCrossEntropy(
        upsample_logits=upsample_logits, class_weights=(1.0, 0.5, 2.0)
    )
    whole, parts = losses_of_parts(loss, labels, logits, size=size)
    assert sum(parts) == pytest.approx(whole, rel=1e-6)
    ignored = np.full_like(labels, 255)
    assert losses_of_parts(loss, ignored, logits, size=size) == (0, [0] * (4 // size))


def test_a_part_has_hard_pixels_of_its_own():
    labels = np.concatenate([LABELS, [[[255, 255, 255, 0]]]])
    logits = np.concatenate([LOGITS, LOGITS])
    loss = SoftmaxCrossEntropy(top_k_fraction=0.5)
    whole, parts = losses_of_parts(loss, labels, logits)
    # The two largest of each image, of which the second has one that is not 0.
    alone = [(math.log(4) + math.log(2)) / 2, math.log1p(math.exp(-10))]
    assert parts == pytest.approx([value / 2 for value in alone], abs=1e-7)
    # The four largest of both images together.
    assert whole == pytest.approx((sum(PIXELS) + math.log1p(math.exp(-10))) / 4)


def test_loss_is_frozen_and_hashable():
    loss = SoftmaxCrossEntropy()
    with pytest.raises(dataclasses.FrozenInstanceError):
        loss.weight = 2.0
    assert hash(loss) == hash(SoftmaxCrossEntropy())
