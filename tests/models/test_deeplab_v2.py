# Licensed under the Apache License, Version 2.0.
"""DeepLabv2 on VGG-16 and its three scales: by hand; the loss of each scale."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from deeplab_tf.config import deeplab_v2
from deeplab_tf.config.aspp import FullyConnectedClassifierConfig
from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
from deeplab_tf.config.vgg import LARGE_FOV
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.models import build_model
from deeplab_tf.training import optimizers
from tests import contracts
from tests.models.model_cases import WITHOUT_OPTIONS, build_drawn

ASPP = WITHOUT_OPTIONS["v2_vgg_aspp"]
PYRAMID = WITHOUT_OPTIONS["v2_vgg_aspp_pyramid"]


@pytest.fixture(scope="module")
def aspp():
    return build_drawn(ASPP)


@pytest.fixture(scope="module")
def pyramid():
    return build_drawn(PYRAMID)


@pytest.mark.parametrize("name", ["VGG-16 ASPP-S", "VGG-16 ASPP-L"])
def test_each_rate_adds_an_fc6_an_fc7_and_a_classifier(name):
    with keras.StatelessScope(initialize_variables=False):
        count = build_model(deeplab_v2.VARIANTS[name]).count_params()
    keras.backend.clear_session()
    fc6, fc7 = 9 * 512 * 1024 + 1024, 1024 * 1024 + 1024
    # The convolutions of VGG-16 (arXiv:1409.1556).
    assert count == 14_714_688 + 4 * (fc6 + fc7 + 1024 * 21 + 21)


def test_branches_have_the_rates_of_the_paper():
    rates = [
        config.classifier.atrous_rates
        for config in (deeplab_v2.VGG_ASPP_S, deeplab_v2.VGG_ASPP_L)
    ]
    assert rates == [(2, 4, 8, 12), (6, 12, 18, 24)]
    with keras.StatelessScope(initialize_variables=False):
        model = build_model(deeplab_v2.VGG_ASPP_L)
    keras.backend.clear_session()
    assert [model.get_layer(f"fc6_{i}").rate for i in (1, 2, 3, 4)] == [6, 12, 18, 24]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((321, 321), (41, 41)), ((513, 513), (65, 65)), ((321, 513), (41, 65))],
)
@pytest.mark.parametrize("name", ["v2_vgg_aspp", "v2_vgg_aspp_pyramid"])
def test_logits_have_the_size_of_caffe(name, size, expected, request):
    model = request.getfixturevalue("aspp" if name == "v2_vgg_aspp" else "pyramid")
    spec = model.compute_output_spec(keras.KerasTensor((1, *size, 3)))
    assert {x.shape for x in spec.values()} == {(1, *expected, 5)}


def test_branches_are_summed(aspp):
    image = contracts.draw_image(65, 97)
    pool5 = keras.Model(aspp.input, aspp.get_layer("pool5").output)(image)
    expected = 0.0
    for i, rate in enumerate((2, 4, 8, 12)):
        fc6, fc7 = (aspp.get_layer(f"fc{j}_{i + 1}") for j in (6, 7))
        fc8 = aspp.get_layer("logits").branches[i]
        x = ops.conv(pool5, fc6.kernel, padding="same", dilation_rate=rate)
        x = ops.relu(x + fc6.bias)
        x = ops.relu(x @ fc7.kernel[0, 0] + fc7.bias)
        expected = expected + x @ fc8.kernel[0, 0] + fc8.bias
    contracts.assert_close(aspp(image)["semantic"], expected, tolerance=1e-5)


def test_training_drops_half_of_each_fc6_and_fc7(aspp):
    rates = {
        layer.name: layer.rate
        for layer in aspp.layers
        if isinstance(layer, keras.layers.Dropout)
    }
    names = [f"dropout{j}_{i}" for j in (6, 7) for i in (1, 2, 3, 4)]
    assert rates == dict.fromkeys(names, 0.5)


def test_large_fov_drops_half_of_fc7():
    model = build_model(WITHOUT_OPTIONS["v2_vgg_large_fov"])
    assert [model.get_layer(f"dropout{i}").rate for i in (6, 7)] == [0.5, 0.5]


def test_classifiers_alone_are_logits_layers(aspp):
    rules = ((optimizers.LOGITS_LAYERS, 10.0),)
    found = {
        v.path
        for v in aspp.trainable_variables
        if optimizers.factor_of(v.path, rules=rules, default=1.0) == 10.0
    }
    leaves = ("kernel", "bias")
    assert found == {f"logits/branch{i}/{leaf}" for i in range(4) for leaf in leaves}


def test_a_step_reaches_all_variables(pyramid):
    image = contracts.draw_image(65, 65).astype("float32")
    labels = np.random.default_rng(0).integers(0, 5, (1, 65, 65)).astype("int32")
    with tf.GradientTape() as tape:
        loss = SoftmaxCrossEntropy()({"labels": labels}, pyramid(image))
    gradients = tape.gradient(loss, [v.value for v in pyramid.trainable_variables])
    for variable, gradient in zip(pyramid.trainable_variables, gradients, strict=True):
        assert np.abs(gradient).max() > 0, variable.path


def test_the_maximum_is_of_all_scales(pyramid):
    outputs = pyramid(contracts.draw_image(65, 97))
    assert list(outputs) == ["semantic", *(f"semantic/{s}" for s in (0.5, 0.75, 1))]
    merged, *scales = (np.asarray(x) for x in outputs.values())
    np.testing.assert_array_equal(merged, np.maximum.reduce(scales))
    # Each scale has the largest logit somewhere.
    assert len(np.unique(np.argmax(scales, axis=0))) == 3


def test_all_scales_have_the_same_variables(aspp, pyramid):
    assert pyramid.count_params() == aspp.count_params()


@pytest.mark.parametrize("upsample_logits", [True, False])
def test_the_loss_counts_each_scale_and_the_maximum(upsample_logits, pyramid):
    image = contracts.draw_image(65, 97)
    labels = np.random.default_rng(0).integers(0, 5, (1, 65, 97)).astype("int32")
    outputs = pyramid(image)
    loss = SoftmaxCrossEntropy(upsample_logits=upsample_logits)
    found = loss({"labels": labels}, outputs)
    parts = [loss({"labels": labels}, {"semantic": x}) for x in outputs.values()]
    assert len(parts) == 4
    np.testing.assert_allclose(found, np.sum(parts), rtol=1e-6)


def test_the_maximum_and_one_scale_are_counted_twice_where_they_are_equal():
    """Two pixels, two classes: log(2) each, for the scale and for the maximum."""
    logits = np.zeros((1, 1, 2, 2), "float32")
    labels = np.zeros((1, 1, 2), "int32")
    outputs = {"semantic": logits, "semantic/1": logits}
    found = SoftmaxCrossEntropy()({"labels": labels}, outputs)
    np.testing.assert_allclose(found, 2 * np.log(2), rtol=1e-6)


@pytest.mark.slow
def test_saved_network_gives_equal_logits(pyramid, tmp_path):
    pyramid.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    image = contracts.draw_image(33, 49)
    contracts.assert_close(loaded(image)["semantic"], pyramid(image)["semantic"])


def test_resnet_large_fov_differs_in_the_classifier_alone():
    large_fov, aspp = deeplab_v2.RESNET_101_LARGE_FOV, deeplab_v2.RESNET_101_ASPP
    assert large_fov.classifier.atrous_rates == (12,)
    assert dataclasses.replace(large_fov, classifier=aspp.classifier) == aspp


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"atrous_rates": (), "kernel_size": 1}, "Each branch has an atrous rate"),
        ({"channels": 0}, "channels must be at least 1, got 0"),
        ({"dropout_rate": 1.0}, r"dropout_rate must lie in \[0, 1\), got 1.0"),
    ],
    ids=str,
)
def test_impossible_branches_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FullyConnectedClassifierConfig(**options)


def test_fc6_and_fc7_stand_at_one_place_alone():
    with pytest.raises(ValueError, match="fc_channels of the backbone must be None"):
        DeepLabV2Config(backbone=LARGE_FOV, classifier=FullyConnectedClassifierConfig())
