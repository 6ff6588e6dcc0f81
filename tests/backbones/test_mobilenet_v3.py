# Licensed under the Apache License, Version 2.0.
"""MobileNetV3: widths, rates, gates and the size of the published classifiers."""

import keras
import pytest

from deeplab_tf.backbones.mobilenet_v3 import build_mobilenet_v3
from deeplab_tf.config.mobilenet_v3 import (
    MOBILENET_V3_STYLE,
    VARIANTS,
    MobileNetV3Config,
)
from deeplab_tf.layers.multiply_adds import count_model

# Channels of layer_1 to the last one.
LARGE = [16, 16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112]
SMALL = [16, 16, 24, 24, 40, 40, 40, 48, 48]
CHANNELS = {
    "mobilenet_v3_large": [*LARGE, 160, 160, 160, 960],
    "mobilenet_v3_large_seg": [*LARGE, 80, 80, 80, 480],
    "mobilenet_v3_small": [*SMALL, 96, 96, 96, 576],
    "mobilenet_v3_small_seg": [*SMALL, 48, 48, 48, 288],
}
# Inner channels of the blocks that have an expansion (arXiv:1905.02244, tables 1, 2).
INNER_LARGE = [64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672]
INNER_SMALL = [72, 88, 96, 240, 240, 120, 144]
INNER = {
    "mobilenet_v3_large": [*INNER_LARGE, 672, 960, 960],
    "mobilenet_v3_large_seg": [*INNER_LARGE, 336, 480, 480],
    "mobilenet_v3_small": [*INNER_SMALL, 288, 576, 576],
    "mobilenet_v3_small_seg": [*INNER_SMALL, 144, 288, 288],
}


def build(**options):
    return build_mobilenet_v3(MobileNetV3Config(**options), MOBILENET_V3_STYLE)


def build_variant(name):
    return build_mobilenet_v3(VARIANTS[name], MOBILENET_V3_STYLE)


def layers_of(backbone, part):
    model = keras.Model(backbone.input, backbone.features)
    return [layer for layer in model.layers if layer.name.endswith(f"_{part}")]


def channels_of(backbone):
    return [x.shape[-1] for name, x in backbone.endpoints.items() if "/" not in name]


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_are_those_of_the_paper(name):
    backbone = build_variant(name)
    assert channels_of(backbone) == CHANNELS[name]
    inner = [
        x.shape[-1]
        for k, x in backbone.endpoints.items()
        if k.endswith("expansion_output")
    ]
    assert inner == INNER[name]


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_width_scales_the_channels_to_multiples_of_eight(output_stride):
    backbone = build(depth_multiplier=0.75, output_stride=output_stride)
    expected = [16, 16, 24, 24, 32, 32, 32, *[64] * 4, 88, 88, 64, 64, 64, 360]
    assert channels_of(backbone) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # A quarter of the inner channels, in multiples of 8.
        ("mobilenet_v3_large_seg", [24, 32, 32, 120, 168, 88, 120, 120]),
        ("mobilenet_v3_large", [24, 32, 32, 120, 168, 168, 240, 240]),
        ("mobilenet_v3_small_seg", [8, 24, 64, 64, 32, 40, 40, 72, 72]),
        ("mobilenet_v3_small", [8, 24, 64, 64, 32, 40, 72, 144, 144]),
    ],
)
def test_gates_are_where_the_paper_has_them(name, expected):
    gates = layers_of(build_variant(name), "squeeze_excite")
    assert [gate.squeezed for gate in gates] == expected


@pytest.mark.parametrize(
    ("name", "first"), [("mobilenet_v3_large", 6), ("mobilenet_v3_small", 3)]
)
def test_hard_swish_begins_where_the_paper_has_it(name, first):
    layers = layers_of(build_variant(name), "depthwise")
    found = [layer.activation for layer in layers]
    assert found == ["relu"] * first + ["hard_swish"] * (len(layers) - first)


@pytest.mark.parametrize(
    ("size", "output_stride", "expected"),
    [
        ("large", 32, [1] * 15),
        # expanded_conv_12 keeps the old rate, those behind it double.
        ("large", 16, [1] * 13 + [2] * 2),
        ("large", 8, [1] * 7 + [2] * 6 + [4] * 2),
        ("small", 32, [1] * 11),
        ("small", 16, [1] * 9 + [2] * 2),
        ("small", 8, [1] * 4 + [2] * 5 + [4] * 2),
    ],
)
def test_rates_of_the_depthwise_convolutions(size, output_stride, expected):
    backbone = build(size=size, output_stride=output_stride)
    rates = [layer.rate for layer in layers_of(backbone, "depthwise")]
    assert rates == expected


@pytest.mark.parametrize(
    ("size", "last", "multiply_adds", "parameters"),
    # slim's nets/mobilenet/README.md and mobilenet_v3.py; arXiv:1905.02244, table 3.
    [("large", 1280, 217e6, 5.4e6), ("small", 1024, 56.5e6, 2.5e6)],
)
def test_classifier_on_top_has_the_published_size(
    size, last, multiply_adds, parameters
):
    backbone = build(size=size, widths="classification", output_stride=32)
    model = keras.Model(backbone.input, backbone.features)
    classifier = backbone.features.shape[-1] * last + last * 1001
    cost = count_model(model, image_size=(224, 224)) + classifier
    assert cost == pytest.approx(multiply_adds, rel=2e-3)
    trainable = sum(weight.numpy().size for weight in model.trainable_weights)
    biases = last + 1001
    assert trainable + classifier + biases == pytest.approx(parameters, rel=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "huge"}, "size must be one of .* got 'huge'"),
        ({"widths": "detection"}, "widths must be one of .* got 'detection'"),
        ({"output_stride": 4}, "output_stride must be 8, 16 or 32, got 4"),
        ({"depth_multiplier": -1.0}, "depth_multiplier must be positive, got -1.0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MobileNetV3Config(**options)
