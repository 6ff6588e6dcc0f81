# Licensed under the Apache License, Version 2.0.
"""MobileNet-EdgeTPU: widths, rates, and the size of the published classifiers."""

import keras
import pytest

from deeplab_tf.backbones.mobilenet_edgetpu import build_mobilenet_edgetpu
from deeplab_tf.config.mobilenet_edgetpu import EDGETPU_STYLE, MobileNetEdgeTPUConfig
from deeplab_tf.layers.multiply_adds import count_model

# Channels of layer_1 to layer_24.
CHANNELS = {
    1.0: [32, 16, *[32] * 4, *[48] * 4, *[96] * 8, *[160] * 4, 192, 1280],
    0.75: [24, 16, *[24] * 4, *[40] * 4, *[72] * 8, *[120] * 4, 144, 960],
}


def build(**options):
    config = MobileNetEdgeTPUConfig(**options)
    return build_mobilenet_edgetpu(config, EDGETPU_STYLE)


def channels_of(backbone):
    return [backbone.endpoints[f"layer_{i}"].shape[-1] for i in range(1, 25)]


@pytest.mark.parametrize("depth_multiplier", CHANNELS)
def test_width_scales_the_channels(depth_multiplier):
    backbone = build(depth_multiplier=depth_multiplier)
    assert channels_of(backbone) == CHANNELS[depth_multiplier]


def test_features_keep_their_width_where_that_is_asked_for():
    found = channels_of(build(depth_multiplier=0.75, full_width_features=True))
    assert found == [*CHANNELS[0.75][:-1], 1280]


@pytest.mark.parametrize(
    ("output_stride", "expected"),
    [
        # The depthwise convolutions begin with expanded_conv_9.
        (32, [1] * 13),
        (16, [1] * 9 + [2] * 4),
        (8, [1] + [2] * 8 + [4] * 4),
    ],
)
def test_rates_of_the_depthwise_convolutions(output_stride, expected):
    backbone = build(output_stride=output_stride)
    model = keras.Model(backbone.input, backbone.features)
    layers = [layer for layer in model.layers if layer.name.endswith("_depthwise")]
    assert [layer.rate for layer in layers] == expected
    fused = [model.get_layer(f"expanded_conv_{i}_expand") for i in range(1, 9)]
    assert {layer.rate for layer in fused} == {1}


def test_fourteenth_block_has_no_sum():
    backbone = build()
    model = keras.Model(backbone.input, backbone.features)
    names = [x.name for x in model.layers if isinstance(x, keras.layers.Add)]
    added = [*range(2, 5), *range(6, 9), *range(10, 13), *range(14, 17), *range(18, 21)]
    assert names == [f"expanded_conv_{i}_add" for i in added]


@pytest.mark.parametrize(
    ("depth_multiplier", "millions", "parameters"),
    # slim's nets/mobilenet/README.md: 990 and 624 million multiply-adds, 4.0 and 2.9
    # million parameters.
    [(1.0, 990, 4.0e6), (0.75, 624, 2.9e6)],
)
def test_classifier_on_top_has_the_published_size(
    depth_multiplier, millions, parameters
):
    backbone = build(
        depth_multiplier=depth_multiplier, full_width_features=True, output_stride=32
    )
    model = keras.Model(backbone.input, backbone.features)
    cost = count_model(model, image_size=(224, 224)) + 1280 * 1001
    assert cost / 1e6 == pytest.approx(millions, rel=2e-3)
    trainable = sum(weight.numpy().size for weight in model.trainable_weights)
    assert trainable + 1281 * 1001 == pytest.approx(parameters, rel=0.04)


def test_decoder_is_told_that_there_is_nothing_to_read():
    with pytest.raises(ValueError, match="has no features for a decoder"):
        build().tap(4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_stride": 64}, "output_stride must be 8, 16 or 32, got 64"),
        ({"depth_multiplier": 0.0}, "depth_multiplier must be positive, got 0.0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MobileNetEdgeTPUConfig(**options)
