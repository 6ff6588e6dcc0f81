# Licensed under the Apache License, Version 2.0.
"""The contract of layers, for each layer in its options."""

import keras
import numpy as np
import pytest

from tests import contracts
from tests.jax_process import run_on_jax
from tests.layers.layer_cases import CASES

# Batch, height, width.
SIZES = {"odd": (2, 13, 9), "even": (1, 8, 12), "one_pixel": (2, 1, 1)}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def built(case, *, dtype=None):
    layer = case.build(name="layer", dtype=dtype)
    layer(contracts.inputs_of(case.shapes()))
    contracts.draw_weights(layer)
    return layer


@every_case
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_output_has_the_computed_shape(case, size):
    batch, height, width = size
    shapes = case.shapes(batch=batch, height=height, width=width)
    contracts.check_output_shape(case.build(), shapes)


@every_case
def test_unknown_size_gives_equal_outputs(case):
    contracts.check_unknown_size(built(case), case.shapes())


@every_case
def test_config_makes_an_equal_layer(case):
    contracts.check_config(case.build(name="layer"))


@every_case
def test_saved_model_gives_equal_outputs(case, tmp_path):
    contracts.check_saving(case.build(), case.shapes(), tmp_path / "layer.keras")


@every_case
def test_call_changes_no_state(case):
    contracts.check_no_state_changes(built(case), case.shapes())


@every_case
def test_images_of_a_batch_do_not_meet(case):
    contracts.check_batch_is_independent(built(case), case.shapes())


@every_case
def test_mixed_precision_keeps_the_weights_and_rounds_the_output(case):
    exact_layer = built(case)
    exact = exact_layer(contracts.inputs_of(case.shapes()))
    for policy, compute_type in contracts.MIXED_POLICIES.items():
        layer = built(case, dtype=policy)
        y = layer(contracts.inputs_of(case.shapes()))
        assert keras.backend.standardize_dtype(y.dtype) == compute_type
        assert {weight.dtype for weight in layer.weights} <= {"float32"}
        assert [w.path for w in layer.weights] == [w.path for w in exact_layer.weights]
        # bfloat16 has 8 bits of mantissa; a layer is up to five operations deep.
        contracts.assert_close(y, exact, tolerance=0.05)


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory):
    target = tmp_path_factory.mktemp("jax") / "results.npz"
    run_on_jax("tests.layers.jax_layers", target)
    return np.load(target)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_compiled_on_jax_gives_equal_outputs(name, on_jax):
    case = CASES[name]
    y = built(case)(contracts.inputs_of(case.shapes(batch=2)))
    contracts.assert_close(on_jax[name], y, tolerance=1e-5)
