# Licensed under the Apache License, Version 2.0.
"""Networks in all options: shapes, types, sizes, and the JAX backend."""

import keras
import numpy as np
import pytest

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.models import build_model
from tests import contracts
from tests.jax_process import run_on_jax
from tests.models.jax_networks import COMPILED, IMAGE_SIZE, compare_with_labels
from tests.models.model_cases import NETWORKS, config_of, logits_shape

every_network = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(scope="module")
def networks():
    """Returns name -> network with drawn weights, built once."""
    cache = {}

    def get(name):
        if name not in cache:
            cache[name] = build_model(config_of(name))
            contracts.draw_weights(cache[name])
        return cache[name]

    return get


@every_network
def test_input_and_output_have_unknown_size(name, networks):
    model = networks(name)
    assert model.input.shape == (None, None, None, 3)
    assert model.input.dtype == "float32"
    pyramid = config_of(name).image_pyramid
    scales = [f"semantic/{s:g}" for s in (pyramid.scales if pyramid else ())]
    assert list(model.output) == ["semantic", *scales]
    assert model.output["semantic"].shape == (None, None, None, 5)


@every_network
@pytest.mark.parametrize("size", [(1, 65, 97), (2, 96, 128)], ids=str)
def test_logits_have_the_stride_of_the_head(name, size, networks):
    image = keras.KerasTensor((*size, 3))
    logits = networks(name).compute_output_spec(image)["semantic"]
    assert logits.shape == logits_shape(name, *size)
    assert logits.dtype == "float32"


@every_network
def test_call_gives_the_shape_that_was_computed(name, networks):
    image = contracts.draw_image(33, 49, batch=2)
    logits = networks(name)(image)["semantic"]
    assert tuple(logits.shape) == logits_shape(name, 2, 33, 49)
    assert np.isfinite(logits).all()
    assert np.std(logits) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v3", "v3plus"])
def test_one_network_takes_any_size(name, networks):
    for height, width in ((65, 97), (96, 128), (513, 513)):
        logits = networks(name)(contracts.draw_image(height, width))["semantic"]
        assert tuple(logits.shape) == logits_shape(name, 1, height, width)


@pytest.mark.parametrize("name", ["v3", "v3plus"])
def test_bytes_are_cast(name, networks):
    image = contracts.draw_image(33, 49)
    as_bytes = networks(name)(image)["semantic"]
    as_floats = networks(name)(image.astype("float32"))["semantic"]
    contracts.assert_close(as_bytes, as_floats)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v3_gate", "v3plus"])
def test_inference_changes_no_weight_and_training_all_statistics(name):
    model = build_model(config_of(name))
    contracts.draw_weights(model)
    before = {w.path: np.asarray(w) for w in model.weights}
    image = contracts.draw_image(65, 65, batch=2)
    model(image)
    for weight in model.weights:
        np.testing.assert_array_equal(weight, before[weight.path])
    model(image, training=True)
    same = {w.path for w in model.weights if np.array_equal(w, before[w.path])}
    assert same == {w.path for w in model.weights if "moving_" not in w.path}


def test_dropout_acts_in_training_alone():
    model = build_model(config_of("v3"))
    contracts.draw_weights(model)
    for layer in model._flatten_layers():
        if hasattr(layer, "train_norm"):
            layer.train_norm = False
    image = contracts.draw_image(33, 33)
    contracts.assert_close(model(image)["semantic"], model(image)["semantic"])
    trained = [np.asarray(model(image, training=True)["semantic"]) for _ in range(2)]
    assert np.abs(trained[0] - trained[1]).max() > 1e-3


@pytest.fixture
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.slow
@pytest.mark.parametrize("policy", contracts.MIXED_POLICIES, indirect=True)
@pytest.mark.parametrize("name", ["v3_gate", "v3plus", "v3plus_logits"])
def test_logits_are_float32_under_a_lower_precision(name, policy, networks):
    image = contracts.draw_image(33, 49)
    model = build_model(config_of(name))
    contracts.draw_weights(model)
    assert model.get_layer("conv").compute_dtype == contracts.MIXED_POLICIES[policy]
    assert {weight.dtype for weight in model.weights} == {"float32"}
    logits = model(image)["semantic"]
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    keras.config.set_dtype_policy("float32")
    # Fifty layers with 8 bits of mantissa.
    contracts.assert_close(logits, networks(name)(image)["semantic"], tolerance=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v3_gate", "v3plus_two_stages_dense"])
def test_saved_network_gives_equal_logits(name, networks, tmp_path):
    networks(name).save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    image = contracts.draw_image(33, 49)
    contracts.assert_close(loaded(image)["semantic"], networks(name)(image)["semantic"])


def test_unknown_configuration_is_refused():
    with pytest.raises(ValueError, match="No model is built from ConvStyle"):
        build_model(ConvStyle())


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory):
    target = tmp_path_factory.mktemp("jax") / "results.npz"
    run_on_jax("tests.models.jax_networks", target)
    return np.load(target)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPILED)
def test_logits_on_jax_are_equal(name, networks, on_jax):
    logits = networks(name)(contracts.draw_image(*IMAGE_SIZE))["semantic"]
    contracts.assert_close(on_jax[name], logits, tolerance=1e-4)


@pytest.mark.slow
def test_loss_and_metric_on_jax_are_equal(on_jax):
    loss, matrix = compare_with_labels(on_jax["v3plus"])
    np.testing.assert_allclose(on_jax["loss"], loss, rtol=1e-5)
    np.testing.assert_array_equal(on_jax["matrix"], matrix)
