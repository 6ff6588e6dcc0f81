# Licensed under the Apache License, Version 2.0.
"""MobileNetV2: widths, rounding, and the recorded endpoints."""

import keras
import numpy as np
import pytest

from deeplab_tf.backbones import mobilenet_v2
from deeplab_tf.config.mobilenet_v2 import MOBILENET_STYLE, MobileNetV2Config
from deeplab_tf.layers.resize import resize_bilinear, scale_dimension
from tests import contracts, goldens

# Channels of layer_1 to layer_18.
CHANNELS = {
    0.35: [11, 6, *[8] * 2, *[11] * 3, *[22] * 4, *[34] * 3, *[56] * 3, 112],
    0.5: [16, 8, *[12] * 2, *[16] * 3, *[32] * 4, *[48] * 3, *[80] * 3, 160],
    0.75: [24, 12, *[18] * 2, *[24] * 3, *[48] * 4, *[72] * 3, *[120] * 3, 240],
    1.0: [32, 16, *[24] * 2, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320],
    1.4: [45, 22, *[34] * 2, *[45] * 3, *[90] * 4, *[134] * 3, *[224] * 3, 448],
}
RECORDED = (*goldens.MOBILENET_V2, goldens.PYRAMID)


def build(**options):
    return mobilenet_v2.build_mobilenet_v2(
        MobileNetV2Config(**options), MOBILENET_STYLE
    )


def channels_of(backbone):
    return [backbone.endpoints[f"layer_{i}"].shape[-1] for i in range(1, 19)]


@pytest.mark.parametrize("depth_multiplier", CHANNELS)
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_width_scales_the_channels(depth_multiplier, output_stride):
    backbone = build(depth_multiplier=depth_multiplier, output_stride=output_stride)
    assert channels_of(backbone) == CHANNELS[depth_multiplier]


def test_expansion_is_divisible_by_eight_at_any_width():
    backbone = build(depth_multiplier=0.35)
    inner = backbone.endpoints["layer_3/expansion_output"].shape[-1]
    # 6 channels, six times.
    assert inner == 40


def test_divisible_by_rounds_the_channels():
    rounded = channels_of(build(depth_multiplier=0.5, divisible_by=8))
    assert rounded == [16, 8, *[16] * 5, *[32] * 4, *[48] * 3, *[80] * 3, 160]


def test_first_block_does_not_expand():
    names = build().endpoints
    assert "layer_2/expansion_output" not in names
    assert names["layer_2/depthwise_output"].shape[-1] == 32
    assert names["layer_3/expansion_output"].shape[-1] == 96


@pytest.mark.parametrize(
    ("output_stride", "expected"),
    [
        (32, [1] * 17),
        # expanded_conv_13 keeps the old rate, those behind it double.
        (16, [1] * 14 + [2] * 3),
        (8, [1] * 7 + [2] * 7 + [4] * 3),
    ],
)
def test_rates_of_the_depthwise_convolutions(output_stride, expected):
    backbone = build(output_stride=output_stride)
    model = keras.Model(backbone.input, backbone.features)
    layers = [layer for layer in model.layers if layer.name.endswith("_depthwise")]
    assert [layer.rate for layer in layers] == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_stride": 4}, "output_stride must be 8, 16 or 32, got 4"),
        ({"depth_multiplier": 0}, "depth_multiplier must be positive"),
        ({"divisible_by": 0}, "divisible_by must be at least 1"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MobileNetV2Config(**options)


@pytest.fixture(scope="module")
def endpoints(reference):
    """Returns name of a case -> its recorded values and our endpoints."""
    cache = {}

    def compute(name):
        if name not in cache:
            golden = goldens.load(reference, name)
            network = golden.build()
            # The same layers, named endpoints instead of logits.
            backbone = mobilenet_v2.build_mobilenet_v2(
                golden.config.backbone, MOBILENET_STYLE
            )
            model = keras.Model(backbone.input, dict(backbone.endpoints))
            values = {w.path: w for w in network.weights}
            for weight in model.weights:
                weight.assign(values[weight.path])
            image = golden.image
            if name == goldens.PYRAMID:
                sides = (scale_dimension(side, 0.5) for side in image.shape[1:3])
                image = resize_bilinear(image, tuple(sides))
            cache[name] = golden, {k: np.asarray(v) for k, v in model(image).items()}
        return cache[name]

    return compute


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED)
def test_endpoints_are_those_of_the_original(name, endpoints):
    golden, ours = endpoints(name)
    for key, row in golden.case["arrays"].items():
        if not key.startswith("endpoint") and key != "backbone":
            continue
        endpoint = "layer_18" if key == "backbone" else row["what"]
        expected = golden.arrays[key].astype("float32")
        found = ours[endpoint][0, :, :, :: row["channel_stride"]]
        # Recorded in float16.
        np.testing.assert_allclose(
            found, expected, rtol=0, atol=1e-3 * np.abs(expected).max(), err_msg=key
        )


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED)
def test_statistics_of_all_endpoints_are_those_of_the_original(name, endpoints):
    golden, ours = endpoints(name)
    recorded = golden.case["endpoint_stats"]
    assert {key.removesuffix("/output") for key in recorded} == ours.keys()
    for key, (shape, *numbers) in recorded.items():
        x = ours[key.removesuffix("/output")]
        assert list(x.shape) == shape
        found = [x.mean(), x.std(), np.abs(x).max()]
        # Recorded with seven digits.
        np.testing.assert_allclose(found, numbers, rtol=1e-4, atol=1e-4, err_msg=key)


def test_residual_depends_on_the_stride_that_a_block_really_has():
    # 12 and 12 channels on both sides of the block that has stride 2 in the table.
    options = {"depth_multiplier": 0.5, "divisible_by": 32}
    strided, atrous = (
        build(output_stride=32, **options),
        build(output_stride=8, **options),
    )

    def sums(backbone):
        model = keras.Model(backbone.input, backbone.features)
        return {x.name for x in model.layers if isinstance(x, keras.layers.Add)}

    assert sums(atrous) - sums(strided) == {"expanded_conv_6_add"}


def test_padding_of_a_block_passes_through_its_expansion():
    """The border of what is expanded is the shift of its norm, not zero."""
    backbone = build(padding_place="block")
    name = "layer_3/expansion_output"
    model = keras.Model(backbone.input, backbone.endpoints[name])
    contracts.draw_weights(model)
    model.get_layer("expanded_conv_1_expand").norm.beta.assign([3.0] * 96)
    model.get_layer("expanded_conv_1_expand").norm.moving_mean.assign([0.0] * 96)
    y = np.asarray(model(contracts.draw_image(33, 33)))
    # 16 pixels come from the first convolution, which does not pad.
    assert y.shape == (1, 18, 18, 96)
    np.testing.assert_allclose(y[0, 0], np.full((18, 96), 3.0))


def test_low_level_features_of_vainf_are_the_outputs_of_blocks():
    backbone = build()
    found = backbone.tap(4, convention="torchvision")
    assert found is backbone.endpoints["layer_4"]
    assert found.shape[-1] == 24
