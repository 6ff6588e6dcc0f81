# Licensed under the Apache License, Version 2.0.
"""DeepLab v1: sizes of the paper, MSc by hand, training, precision, TFLite."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config import deeplab_v1
from deeplab_tf.config.deeplab_v1 import DeepLabV1Config, MultiScaleConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.export import tflite
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.models import build_model
from deeplab_tf.training import optimizers
from tests import contracts
from tests.models.model_cases import WITHOUT_OPTIONS, build_drawn

MSC = WITHOUT_OPTIONS["v1_msc"]
FULL_SIZE = WITHOUT_OPTIONS["v1_msc_full_size"]
LARGE_FOV = WITHOUT_OPTIONS["v1_large_fov"]
# Layers of MSc, and of fc7, in front of their classifiers.
ENDS = [f"{place}_fc" for place in deeplab_v1.MULTI_SCALE_PLACES] + ["fc7"]


@pytest.fixture(scope="module")
def msc():
    return build_drawn(MSC)


def ends_of(model, image):
    """Returns what the classifiers of MSc read."""
    outputs = [model.get_layer(name).output for name in ENDS]
    return [np.asarray(x) for x in keras.Model(model.input, outputs)(image)]


def classifiers_of(model):
    """Returns kernel [C, K] and bias [K] of each classifier."""
    branches = model.get_layer("logits").branches
    return [(np.asarray(b.kernel)[0, 0], np.asarray(b.bias)) for b in branches]


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("DeepLab", 65.1),
        ("DeepLab-4x4", 65.1),
        ("DeepLab-7x7", 134.3),
        ("DeepLab-LargeFOV", 20.5),
    ],
)
def test_parameters_are_those_of_table_2(name, millions):
    with keras.StatelessScope(initialize_variables=False):
        count = build_model(deeplab_v1.VARIANTS[name]).count_params()
    keras.backend.clear_session()
    assert int(count / 1e5) / 10 == millions


def test_multi_scale_adds_the_parameters_of_its_layers():
    counts = [build_model(config).count_params() for config in (LARGE_FOV, MSC)]
    channels = (3, 64, 128, 256, 512)
    convs = sum(9 * c * 6 + 6 for c in channels) + 5 * (6 * 6 + 6)
    assert counts[1] - counts[0] == convs + 5 * (6 * 5 + 5)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((321, 321), (41, 41)),
        ((513, 513), (65, 65)),
        ((321, 513), (41, 65)),
        # Caffe rounds the sizes of its pools up: 500, 251, 126, 64.
        ((500, 375), (64, 48)),
    ],
)
def test_logits_have_the_size_of_caffe(size, expected, msc):
    spec = msc.compute_output_spec(keras.KerasTensor((2, *size, 3)))["semantic"]
    assert spec.shape == (2, *expected, 5)


def test_branches_have_the_strides_of_the_published_network(msc):
    names = [f"{place}_conv" for place in deeplab_v1.MULTI_SCALE_PLACES]
    assert [msc.get_layer(name).stride for name in names] == [8, 4, 2, 1, 1]


def test_multi_scale_is_the_sum_of_six_classifiers(msc):
    image = contracts.draw_image(33, 49)
    ends = zip(ends_of(msc, image), classifiers_of(msc), strict=True)
    expected = sum(x @ kernel + bias for x, (kernel, bias) in ends)
    contracts.assert_close(msc(image)["semantic"], expected, tolerance=1e-5)


def test_multi_scale_is_one_classifier_of_the_concatenation(msc):
    """arXiv:1412.7062, section 4.3: 5 * 128 channels more for the softmax layer."""
    image = contracts.draw_image(33, 49)
    kernels, biases = zip(*classifiers_of(msc), strict=True)
    joined = np.concatenate(ends_of(msc, image), axis=-1)
    assert joined.shape[-1] == 5 * 6 + 16
    expected = joined @ np.concatenate(kernels) + sum(biases)
    contracts.assert_close(msc(image)["semantic"], expected, tolerance=1e-5)


def test_full_size_has_the_strided_logits_at_each_eighth_pixel(msc):
    full = build_drawn(FULL_SIZE)
    assert FULL_SIZE.logits_stride == 1
    full.set_weights(msc.get_weights())
    image = contracts.draw_image(33, 49)
    logits = np.asarray(full(image)["semantic"])
    assert logits.shape == (1, 33, 49, 5)
    contracts.assert_close(logits[:, ::8, ::8], msc(image)["semantic"], tolerance=1e-5)


def test_an_irregular_size_brings_all_branches_to_that_of_fc7(msc):
    image = contracts.draw_image(34, 50)
    # Pools: 18, 10, 6 and 26, 14, 8; the stride of 8 makes 5 and 7 of the image.
    assert [x.shape[1:3] for x in ends_of(msc, image)][::5] == [(5, 7), (6, 8)]
    assert msc(image)["semantic"].shape == (1, 6, 8, 5)


def test_a_step_reaches_all_variables(msc):
    image = contracts.draw_image(33, 49).astype("float32")
    labels = np.random.default_rng(0).integers(0, 5, (1, 33, 49)).astype("int32")
    with tf.GradientTape() as tape:
        loss = SoftmaxCrossEntropy()({"labels": labels}, msc(image))
    gradients = tape.gradient(loss, [v.value for v in msc.trainable_variables])
    for variable, gradient in zip(msc.trainable_variables, gradients, strict=True):
        assert np.abs(gradient).max() > 0, variable.path


@pytest.mark.parametrize("config", [LARGE_FOV, MSC], ids=["large_fov", "msc"])
def test_classifiers_alone_are_logits_layers(config):
    paths = [v.path for v in build_model(config).trainable_variables]
    rules = ((optimizers.LOGITS_LAYERS, 10.0),)
    found = [
        path
        for path in paths
        if optimizers.factor_of(path, rules=rules, default=1.0) == 10.0
    ]
    shapes = 2 if config is LARGE_FOV else 12
    assert len(found) == shapes
    assert not any("fc" in path or "conv" in path for path in found)


def test_training_drops_half_of_fc6_and_of_fc7():
    model = build_model(LARGE_FOV)
    rates = {
        layer.name: layer.rate
        for layer in model.layers
        if isinstance(layer, keras.layers.Dropout)
    }
    assert rates == {"dropout6": 0.5, "dropout7": 0.5}


@pytest.mark.slow
def test_saved_network_gives_equal_logits(msc, tmp_path):
    msc.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    image = contracts.draw_image(33, 49)
    contracts.assert_close(loaded(image)["semantic"], msc(image)["semantic"])


@pytest.mark.slow
@pytest.mark.parametrize("policy", contracts.MIXED_POLICIES)
def test_logits_are_float32_under_a_lower_precision(policy, msc):
    image = contracts.draw_image(33, 49)
    keras.config.set_dtype_policy(policy)
    try:
        model = build_drawn(MSC)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("fc7").compute_dtype == contracts.MIXED_POLICIES[policy]
    assert {weight.dtype for weight in model.weights} == {"float32"}
    logits = model(image)["semantic"]
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    contracts.assert_close(logits, msc(image)["semantic"], tolerance=0.1)


@pytest.mark.slow
def test_tflite_gives_the_same_labels(tmp_path):
    model = build_drawn(LARGE_FOV)
    logits = np.asarray(model(contracts.draw_image(65, 97))["semantic"])
    assert len(np.unique(logits.argmax(axis=-1))) > 1
    result = tflite.export_tflite(
        model,
        tmp_path / "model.tflite",
        config=LARGE_FOV,
        evaluation=EvaluationConfig(crop_size=(65, 97)),
    )
    assert result.agreement >= 0.999
    operations = tflite.list_operations((tmp_path / "model.tflite").read_bytes())
    assert not any("SPACE" in name for name in operations)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 1}, "num_classes must be at least 2, got 1"),
        ({"backbone": deeplab_v1.vgg.CAFFE_POOL5}, "VGGConfig with fc_channels, got"),
    ],
    ids=["classes", "backbone"],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DeepLabV1Config(**options)


def test_multi_scale_without_channels_is_refused():
    with pytest.raises(ValueError, match="filters must be at least 1, got 0"):
        MultiScaleConfig(filters=0)
