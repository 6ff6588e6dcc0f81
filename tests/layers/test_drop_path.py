# Licensed under the Apache License, Version 2.0.
"""Drop path: which images, how often, and the ramp."""

import keras
import numpy as np
import pytest

from deeplab_tf.layers.drop_path import DropPath

ONES = np.ones((1000, 2, 1, 3), "float32")


def kept(layer, *, training=True):
    """Returns what became of each image of ones: one number, as it is whole."""
    y = np.asarray(layer(ONES, training=training))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1, :1], y.shape))
    return y[:, 0, 0, 0]


def test_inference_keeps_everything():
    assert (kept(DropPath(0.5, seed=1), training=False) == 1).all()


def test_images_are_dropped_or_divided_by_the_probability_to_be_kept():
    found = kept(DropPath(0.8, seed=1))
    assert set(found) == {0.0, np.float32(1 / np.float32(0.8))}
    assert np.mean(found > 0) == pytest.approx(0.8, abs=0.05)


def test_branches_are_kept_the_more_the_less_deep_they_are():
    layer = DropPath(0.8, depth_fraction=0.25)
    assert float(layer.current_keep_prob()) == pytest.approx(1 - 0.25 * 0.2)


def test_probability_falls_with_each_training_call_until_the_end_of_the_ramp():
    layer = DropPath(0.8, depth_fraction=0.5, ramp_calls=4)
    found = []
    for _ in range(6):
        found.append(float(layer.current_keep_prob()))
        layer(ONES, training=True)
        layer(ONES, training=False)
    np.testing.assert_allclose(found, [1, 0.975, 0.95, 0.925, 0.9, 0.9], rtol=1e-6)


def test_first_call_of_a_ramp_drops_nothing():
    assert (kept(DropPath(0.1, ramp_calls=10, seed=1)) == 1).all()


def test_ramp_goes_on_where_the_seed_state_says():
    """A checkpoint of a training holds this state, as that of dropout."""
    layer = DropPath(0.5, ramp_calls=10)
    layer.seed_generator.state.assign([7, 5])
    assert float(layer.current_keep_prob()) == pytest.approx(0.75)


def test_calls_differ():
    layer = DropPath(0.5, seed=1)
    assert (kept(layer) != kept(layer)).any()


def test_state_is_no_weight():
    model = keras.Sequential([keras.Input((2, 1, 3)), DropPath(0.5)])
    assert model.weights == []
    assert len(model.variables) == 1


@pytest.mark.parametrize(
    ("keep_prob", "options"),
    [(0.0, {}), (1.1, {}), (0.5, {"depth_fraction": 0.0}), (0.5, {"ramp_calls": -1})],
)
def test_impossible_options_are_refused(keep_prob, options):
    with pytest.raises(ValueError, match=r"must lie in \(0, 1\]"):
        DropPath(keep_prob, **options)
