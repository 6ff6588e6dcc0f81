# Licensed under the Apache License, Version 2.0.
"""VGG-16: rates, the fully connected layers, and the recorded network."""

import dataclasses

import keras
import numpy as np
import pytest

from deeplab_tf.backbones.vgg import build_vgg
from deeplab_tf.checkpoints.importer import import_weights
from deeplab_tf.checkpoints.slim_names import slim_rules
from deeplab_tf.config import vgg
from deeplab_tf.config.vgg import CAFFE_POOL5, VGG_STYLE, VGGConfig
from tests import contracts, goldens


def build(**options):
    return build_vgg(VGGConfig(**options), VGG_STYLE)


def model_of(backbone):
    return keras.Model(backbone.input, dict(backbone.endpoints))


def rates_of(backbone):
    model = model_of(backbone)
    return {x.name: x.rate for x in model.layers if getattr(x, "rate", 1) > 1}


CONV5 = ("conv5_1", "conv5_2", "conv5_3")


@pytest.mark.parametrize(
    ("output_stride", "expected"),
    [
        (32, {}),
        (16, {"fc6": 2}),
        # pool4 keeps the old rate, the layers behind it double.
        (8, dict.fromkeys((*CONV5, "pool5"), 2) | {"fc6": 4}),
    ],
)
def test_strides_become_rates(output_stride, expected):
    options = {"output_stride": output_stride, "fc_channels": 8}
    assert rates_of(build(**options, fc6_kernel_size=3)) == expected


def test_large_field_of_view_is_that_of_deeplab_v1():
    backbone = build_vgg(vgg.LARGE_FOV, VGG_STYLE)
    assert rates_of(backbone) == dict.fromkeys(CONV5, 2) | {"fc6": 12}
    model = model_of(backbone)
    assert tuple(model.get_layer("fc6").kernel.shape) == (3, 3, 512, 1024)
    assert tuple(model.get_layer("fc7").kernel.shape) == (1, 1, 1024, 1024)
    assert backbone.features is backbone.endpoints["fc7"]
    # arXiv:1412.7062, section 3.1: 20.5 million with the classifier of 21 classes.
    assert model.count_params() + 1025 * 21 == pytest.approx(20.5e6, rel=2e-3)


def test_mean_pixel_becomes_zero():
    backbone = build()
    scaling = model_of(backbone).get_layer("input_scaling")
    pixel = np.array(VGGConfig().padding_pixel, "float32").reshape((1, 1, 1, 3))
    np.testing.assert_allclose(scaling(pixel), np.zeros((1, 1, 1, 3)), atol=1e-5)
    assert VGGConfig().padding_pixel == (123.68, 116.779, 103.939)


def test_pixels_are_scaled_as_in_caffe():
    scaling = model_of(build_vgg(CAFFE_POOL5, VGG_STYLE)).get_layer("input_scaling")
    pixel = np.array((122.675, 116.669, 105.008), "float32").reshape((1, 1, 1, 3))
    # Blue comes first.
    np.testing.assert_allclose(scaling(pixel).numpy().ravel(), (1, 0, 0), atol=1e-5)
    assert CAFFE_POOL5.padding_pixel == (122.675, 116.669, 104.008)


@pytest.mark.parametrize(
    ("padding", "sizes"),
    [("same", (25, 13, 7, 7, 7)), ("ceil", (26, 14, 8, 8, 8))],
)
def test_pools_of_caffe_round_up(padding, sizes):
    config = dataclasses.replace(CAFFE_POOL5, padding=padding)
    outputs = model_of(build_vgg(config, VGG_STYLE)).compute_output_spec(
        keras.KerasTensor((1, 50, 50, 3))
    )
    assert [outputs[f"pool{i}"].shape[1] for i in range(1, 6)] == list(sizes)


def test_pools_of_caffe_are_the_same_at_sides_of_eight_and_one():
    models = []
    for padding in ("same", "ceil"):
        config = dataclasses.replace(CAFFE_POOL5, padding=padding)
        models.append(model_of(build_vgg(config, VGG_STYLE)))
        contracts.draw_weights(models[-1])
    images = contracts.draw_image(33, 41)
    same, ceil = (model(images)["pool5"] for model in models)
    np.testing.assert_array_equal(same, ceil)


def test_average_pool_counts_zeros_beyond_the_border():
    config = dataclasses.replace(CAFFE_POOL5, average_pool_size=3)
    backbone = build_vgg(config, VGG_STYLE)
    outputs = {"pool5": backbone.endpoints["pool5"], "pool5a": backbone.features}
    model = keras.Model(backbone.input, outputs)
    contracts.draw_weights(model)
    found = {
        k: np.asarray(v)[0] for k, v in model(contracts.draw_image(33, 33)).items()
    }
    corner = found["pool5"][:2, :2].sum(axis=(0, 1)) / 9
    np.testing.assert_allclose(found["pool5a"][0, 0], corner, rtol=1e-5)
    inner = found["pool5"][:3, 1:4].mean(axis=(0, 1))
    np.testing.assert_allclose(found["pool5a"][1, 2], inner, rtol=1e-5)


def test_classifier_drops_odd_last_rows():
    backbone = build(output_stride=32, padding="valid", fc_channels=8)
    outputs = model_of(backbone).compute_output_spec(
        keras.KerasTensor((1, 239, 257, 3))
    )
    sizes = [outputs[f"pool{i}"].shape[1:3] for i in range(1, 6)]
    assert sizes == [(119, 128), (59, 64), (29, 32), (14, 16), (7, 8)]
    assert outputs["fc7"].shape == (1, 1, 2, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_stride": 4}, "output_stride must be 8, 16 or 32, got 4"),
        ({"pool_size": 0}, "pool_size must be at least 1, got 0"),
        ({"fc6_rate": 0}, "fc6_rate must be at least 1, got 0"),
        ({"fc_channels": 0}, "fc_channels must be at least 1, got 0"),
        ({"padding": "explicit"}, "padding must be one of .* got 'explicit'"),
        ({"padding": "ceil"}, "padding 'ceil' needs an odd pool_size, .* got 2"),
        ({"average_pool_size": 0}, "average_pool_size must be at least 1, got 0"),
        ({"padding": "valid"}, "whose output_stride is 32, got 16"),
        ({"dropout_rate": 1.0}, r"dropout_rate must lie in \[0, 1\), got 1.0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        VGGConfig(**options)


@pytest.fixture(scope="module")
def recorded(reference):
    """Returns the recorded classifier and the endpoints of ours."""
    golden = goldens.load(reference, goldens.VGG)
    model = model_of(build(output_stride=32, padding="valid", fc_channels=4096))
    report = import_weights(model, golden.weights, slim_rules("vgg_16"))
    assert report.ignored == ("vgg_16/fc8/biases", "vgg_16/fc8/weights")
    return golden, {k: np.asarray(v) for k, v in model(golden.image).items()}


@pytest.mark.reference
@pytest.mark.slow
def test_endpoints_are_those_of_the_original(recorded):
    golden, ours = recorded
    for key, row in golden.case["arrays"].items():
        found = ours[row["what"].removeprefix("vgg_16/")]
        expected = golden.arrays[key].reshape(
            found[..., :: row["channel_stride"]].shape
        )
        # Recorded in float16.
        contracts.assert_close(
            found[..., :: row["channel_stride"]], expected, tolerance=1e-3
        )


@pytest.mark.reference
@pytest.mark.slow
def test_statistics_of_all_endpoints_are_those_of_the_original(recorded):
    golden, ours = recorded
    recorded_stats = golden.case["endpoint_stats"]
    assert {key.removeprefix("vgg_16/") for key in recorded_stats} == ours.keys()
    for key, (shape, *numbers) in recorded_stats.items():
        x = ours[key.removeprefix("vgg_16/")]
        assert list(x.shape) == shape
        found = [x.mean(), x.std(), np.abs(x).max()]
        np.testing.assert_allclose(found, numbers, rtol=1e-5, err_msg=key)


@pytest.mark.reference
@pytest.mark.slow
def test_logits_of_the_classifier_are_those_of_the_original(recorded):
    golden, ours = recorded
    weights = golden.weights
    kernel, bias = (weights[f"vgg_16/fc8/{name}"] for name in ("weights", "biases"))
    logits = ours["fc7"][0, 0, 0] @ kernel[0, 0] + bias
    contracts.assert_close(logits, golden.arrays["logits"], tolerance=1e-5)
