# Licensed under the Apache License, Version 2.0.
"""What every layer of this project must do, and numbers for it.

Nothing here needs TensorFlow: the same checks run on the JAX backend.
"""

import json
import math
import zlib

import keras
import numpy as np
from keras import ops

# Policy -> type of the computation.
MIXED_POLICIES = {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}


def draw(shape, seed=0):
    """Returns float32 values around 0, the same on every machine."""
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def draw_image(height, width, *, batch=1, seed=0):
    """Returns [batch, height, width, 3] random bytes."""
    shape = (batch, height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, "uint8")


def draw_weights(layer):
    """Gives every weight values that depend on its path alone."""
    for weight in layer.weights:
        shape = tuple(weight.shape)
        rng = np.random.default_rng(zlib.crc32(weight.path.encode()))
        leaf = weight.path.rsplit("/", 1)[-1]
        if leaf in ("gamma", "moving_variance"):
            value = rng.uniform(0.8, 1.2, shape)
        elif leaf in ("beta", "bias", "moving_mean"):
            value = 0.1 * rng.standard_normal(shape)
        else:
            depthwise = leaf == "depthwise_kernel"
            fan_in = math.prod(shape[:2] if depthwise else shape[:-1])
            value = rng.standard_normal(shape) * math.sqrt(2 / fan_in)
        weight.assign(value.astype("float32"))


def inputs_of(shapes):
    """Returns arrays of the given shapes; one array where there is one shape."""
    arrays = [draw(shape, seed) for seed, shape in enumerate(shapes)]
    return arrays[0] if len(arrays) == 1 else arrays


def model_of(layer, shapes):
    """Returns a model of one layer whose inputs have unknown height and width."""
    inputs = [keras.Input((None, None, shape[-1])) for shape in shapes]
    return keras.Model(inputs, layer(inputs[0] if len(inputs) == 1 else inputs))


def call_model(model, arrays):
    return model(arrays if isinstance(arrays, list) else [arrays])


def check_output_shape(layer, shapes):
    expected = layer.compute_output_shape(shapes[0] if len(shapes) == 1 else shapes)
    assert tuple(layer(inputs_of(shapes)).shape) == tuple(expected)


def check_unknown_size(layer, shapes):
    arrays = inputs_of(shapes)
    expected = layer(arrays)
    model = model_of(layer, shapes)
    assert model.outputs[0].shape == (None, None, None, expected.shape[-1])
    assert_close(call_model(model, arrays), expected)


def check_config(layer):
    config = layer.get_config()
    copy = type(layer).from_config(json.loads(json.dumps(config)))
    assert copy.get_config() == config


def check_saving(layer, shapes, path):
    arrays = inputs_of(shapes)
    model = model_of(layer, shapes)
    draw_weights(layer)
    model.save(path)
    assert_close(
        call_model(keras.saving.load_model(path), arrays), call_model(model, arrays)
    )


def check_no_state_changes(layer, shapes):
    layer(inputs_of(shapes))
    before = _public_state(layer)
    weights = [ops.convert_to_numpy(weight) for weight in layer.weights]
    bigger = [(shape[0] + 1, shape[1] + 4, shape[2] + 4, shape[3]) for shape in shapes]
    layer(inputs_of(bigger), training=False)
    assert _public_state(layer) == before
    for weight, value in zip(layer.weights, weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight), value)


def check_batch_is_independent(layer, shapes):
    arrays = inputs_of([(2, *shape[1:]) for shape in shapes])
    second = arrays[1:] if not isinstance(arrays, list) else [a[1:] for a in arrays]
    assert_close(layer(second)[0], layer(arrays)[1], tolerance=1e-5)


def assert_close(actual, expected, *, tolerance=1e-6):
    """Compares by the largest value of what is expected."""
    actual, expected = (
        np.asarray(ops.convert_to_numpy(ops.cast(x, "float32")))
        for x in (actual, expected)
    )
    assert actual.shape == expected.shape
    largest = max(float(np.abs(expected).max()), 1e-30)
    difference = float(np.abs(actual - expected).max()) / largest
    assert difference <= tolerance, f"differs by {difference:.1e} of the largest"


def _public_state(layer):
    """Returns the attributes of a layer and its parts that are plain values."""
    state = {}
    for part in layer._flatten_layers():
        for name, value in vars(part).items():
            plain = isinstance(value, (bool, int, float, str, tuple, type(None)))
            if plain and not name.startswith("_"):
                state[part.name, name] = value
    return state
