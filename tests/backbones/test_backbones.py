# Licensed under the Apache License, Version 2.0.
"""The table of backbones and the contract of a backbone."""

import dataclasses
import functools

import keras
import pytest

from deeplab_tf.backbones import build_backbone
from deeplab_tf.config.backbone import BACKBONES
from deeplab_tf.config.conv_style import ConvStyle
from tests import contracts

OUTPUT_STRIDES = (8, 16, 32)
# Sides at which the grid of stride 32 lies on that of stride 8.
HEIGHT, WIDTH = 65, 97

# One of each kind of block; the others are other tables, and recorded networks.
NAMES = (
    "mobilenet_v2",
    "mobilenet_v3_large_seg",
    "mobilenet_v3_small",
    "mobilenet_edgetpu",
    "resnet_v1_18",
    "resnet_v1_50_beta",
    "vgg_16",
    "xception_41",
)
# Their gates see the mean of the map, which is not that of the strided map.
WITH_GATES = ("mobilenet_v3_large_seg", "mobilenet_v3_small")
# A decoder has nothing to read there.
WITHOUT_TAPS = ("mobilenet_edgetpu",)
every_backbone = pytest.mark.parametrize("name", NAMES)


@functools.cache
def build(name, output_stride):
    config = dataclasses.replace(BACKBONES[name], output_stride=output_stride)
    return build_backbone(config, config.default_style)


@pytest.fixture(scope="module", autouse=True)
def networks_of_this_module():
    """Gives their memory back."""
    yield
    build.cache_clear()


@pytest.fixture(scope="module")
def features():
    """Returns (name, output stride) -> features of equal weights on one image."""
    cache = {}

    def compute(name, output_stride):
        if (name, output_stride) not in cache:
            backbone = build(name, output_stride)
            model = keras.Model(backbone.input, backbone.features)
            contracts.draw_weights(model)
            cache[name, output_stride] = model(contracts.draw_image(HEIGHT, WIDTH))
        return cache[name, output_stride]

    return compute


@every_backbone
@pytest.mark.parametrize("output_stride", OUTPUT_STRIDES)
def test_endpoints_have_their_strides(name, output_stride):
    backbone = build(name, output_stride)
    assert backbone.strides.keys() == backbone.endpoints.keys()
    model = keras.Model(backbone.input, dict(backbone.endpoints))
    image = keras.KerasTensor((1, HEIGHT, WIDTH, 3))
    for endpoint, x in model.compute_output_spec(image).items():
        stride = backbone.strides[endpoint]
        assert x.shape[1:3] == ((HEIGHT - 1) // stride + 1, (WIDTH - 1) // stride + 1)
    assert max(backbone.strides.values()) == output_stride
    assert backbone.features is list(backbone.endpoints.values())[-1]


@every_backbone
@pytest.mark.parametrize("output_stride", OUTPUT_STRIDES)
def test_taps_lie_at_their_stride(name, output_stride):
    backbone = build(name, output_stride)
    for convention, taps in backbone.taps.items():
        for stride, endpoint in taps.items():
            found = backbone.tap(stride, convention=convention)
            assert found is backbone.endpoints[endpoint]
            assert backbone.strides[endpoint] == min(stride, output_stride)


@pytest.mark.parametrize("name", [x for x in NAMES if x not in WITHOUT_TAPS])
def test_unknown_tap_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match="at strides 4, 8, 16, got 5"):
        build(name, 16).tap(5)


@every_backbone
def test_variables_are_those_of_any_output_stride(name):
    variables = []
    for output_stride in OUTPUT_STRIDES:
        backbone = build(name, output_stride)
        model = keras.Model(backbone.input, backbone.features)
        variables.append([(w.path, tuple(w.shape)) for w in model.weights])
    assert variables[0] == variables[1] == variables[2]


@pytest.mark.parametrize("name", [x for x in NAMES if x not in WITH_GATES])
@pytest.mark.slow
@pytest.mark.parametrize("output_stride", [16, 32])
def test_features_agree_with_those_of_stride_8_where_they_overlap(
    name, output_stride, features
):
    step = output_stride // 8
    dense = features(name, 8)[:, ::step, ::step]
    contracts.assert_close(features(name, output_stride), dense, tolerance=1e-5)


@pytest.mark.parametrize("name", BACKBONES)
def test_backbones_are_called_by_their_variant(name):
    assert BACKBONES[name].variant == name


def test_unknown_configuration_is_refused():
    with pytest.raises(ValueError, match="No backbone is built from ConvStyle"):
        build_backbone(ConvStyle(), ConvStyle())
