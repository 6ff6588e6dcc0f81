# Licensed under the Apache License, Version 2.0.
"""The importer: strict both ways, or nothing at all."""

import keras
import numpy as np
import pytest

from deeplab_tf.checkpoints.importer import (
    NameRules,
    WeightsMismatchError,
    import_weights,
)

RULES = NameRules(
    format="test", source_name=lambda path: f"theirs/{path}", ignored=(r"/slot$",)
)


@pytest.fixture
def model():
    image = keras.Input((3,))
    x = keras.layers.Dense(2, name="hidden")(image)
    return keras.Model(image, keras.layers.Dense(4, name="logits")(x))


@pytest.fixture
def tensors():
    return {
        "theirs/hidden/kernel": np.full((3, 2), 1.0),
        "theirs/hidden/bias": np.full((2,), 2.0),
        "theirs/logits/kernel": np.full((2, 4), 3.0),
        "theirs/logits/bias": np.full((4,), 4.0),
    }


def values(model):
    return [np.asarray(weight) for weight in model.weights]


def check_refused(model, tensors, *parts, **options):
    before = values(model)
    with pytest.raises(WeightsMismatchError) as caught:
        import_weights(model, tensors, RULES, path="some.ckpt", **options)
    for part in ("some.ckpt does not fit", "nothing was loaded", *parts):
        assert part in str(caught.value)
    for ours, old in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(ours, old)


def test_every_weight_is_assigned_once(model, tensors):
    report = import_weights(model, tensors, RULES, path="some.ckpt")
    assert [value.flat[0] for value in values(model)] == [1, 2, 3, 4]
    assert report.assigned == tuple(
        (weight.path, f"theirs/{weight.path}") for weight in model.weights
    )
    assert report.skipped == report.ignored == ()


def test_report_counts_what_was_done(model, tensors):
    tensors |= {f"theirs/{i}/slot": np.zeros(1) for i in range(5)}
    report = import_weights(model, tensors, RULES, path="some.ckpt", skip=["^logits/"])
    assert str(report).splitlines() == [
        "Weights from some.ckpt (test):",
        "      2 variables assigned",
        "      2 variables left as initialised: logits/kernel, logits/bias",
        "      5 tensors of the checkpoint ignored: theirs/0/slot, theirs/1/slot, "
        "theirs/2/slot, ...",
        "      0 variables missing from the checkpoint",
    ]


def test_all_missing_variables_are_listed(model, tensors):
    del tensors["theirs/hidden/bias"], tensors["theirs/logits/bias"]
    check_refused(
        model,
        tensors,
        "2 variables are missing",
        "hidden/bias (2,) <- theirs/hidden/bias",
        "logits/bias (4,) <- theirs/logits/bias",
    )


def test_all_different_shapes_are_listed(model, tensors):
    tensors["theirs/hidden/bias"] = np.zeros(7)
    tensors["theirs/hidden/kernel"] = np.zeros((3, 7))
    check_refused(
        model,
        tensors,
        "2 shapes differ",
        "hidden/bias (2,) / (7,)",
        "hidden/kernel (3, 2) / (3, 7)",
        "Check the options of the network",
    )


def test_all_left_over_tensors_are_listed(model, tensors):
    tensors |= {"more/a": np.zeros((1, 5)), "more/b": np.zeros(())}
    check_refused(
        model, tensors, "2 tensors of the checkpoint have no place", "more/a (1, 5)"
    )


def test_another_number_of_classes_is_told_what_to_do(model, tensors):
    tensors["theirs/logits/kernel"] = np.zeros((2, 9))
    tensors["theirs/logits/bias"] = np.zeros(9)
    check_refused(
        model, tensors, "Only the classifier differs", "initialize_last_layer"
    )


def test_skipped_variables_may_have_another_shape_or_none(model, tensors):
    tensors["theirs/logits/kernel"] = np.zeros((2, 9))
    del tensors["theirs/logits/bias"]
    before = values(model)
    report = import_weights(model, tensors, RULES, skip=["^logits/"])
    assert report.skipped == ("logits/kernel", "logits/bias")
    after = values(model)
    assert [value.flat[0] for value in after[:2]] == [1, 2]
    for ours, old in zip(after[2:], before[2:], strict=True):
        np.testing.assert_array_equal(ours, old)


def test_value_that_cannot_be_read_leaves_all_as_it_was(model, tensors):
    class Damaged(dict):
        def __getitem__(self, name):
            if name == "theirs/logits/bias":
                raise ValueError("cut short")
            return super().__getitem__(name)

    source = Damaged(tensors)
    source.shapes = {name: value.shape for name, value in tensors.items()}
    before = values(model)
    with pytest.raises(ValueError, match="cut short"):
        import_weights(model, source, RULES)
    for ours, old in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(ours, old)
