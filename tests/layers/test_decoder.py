# Licensed under the Apache License, Version 2.0.
"""The decoder: order of its merges, sum and concatenation, stages."""

import numpy as np
import pytest

from deeplab_tf.config.aspp import DecoderConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.layers.decoder import Decoder
from deeplab_tf.layers.resize import resize_bilinear
from tests import contracts

STYLE = ConvStyle(norm_epsilon=1e-3)
ENCODER, MIDDLE, LOW = (2, 3, 2, 5), (2, 5, 4, 3), (2, 9, 7, 4)


def make(*shapes, **options):
    config = DecoderConfig(filters=6, projected_filters=2, **options)
    layer = Decoder(config, style=STYLE, name="decoder")
    layer.build(list(shapes))
    contracts.draw_weights(layer)
    return layer


def arrays(*shapes):
    return [contracts.draw(shape, seed) for seed, shape in enumerate(shapes)]


def test_encoder_features_stand_in_front_of_the_low_level_ones():
    layer, (x, low) = make(ENCODER, LOW), arrays(ENCODER, LOW)
    merged = np.concatenate(
        [resize_bilinear(x, LOW[1:3]), layer.projections[0](low)], axis=-1
    )
    first, second = layer.convs[0]
    contracts.assert_close(layer([x, low]), second(first(merged)))


def test_sum_adds_the_projection_behind_the_convolution():
    layer, (x, low) = make(ENCODER, LOW, merge="sum"), arrays(ENCODER, LOW)
    (conv,) = layer.convs[0]
    expected = conv(resize_bilinear(x, LOW[1:3])) + layer.projections[0](low)
    contracts.assert_close(layer([x, low]), expected)
    assert layer.projections[0].filters == 6


def test_second_stage_reads_the_first():
    inputs = arrays(ENCODER, MIDDLE, LOW)
    layer = make(ENCODER, MIDDLE, LOW, output_strides=(8, 4), merge="sum")
    stages = zip(layer.convs, layer.projections, inputs[1:], strict=True)
    x = inputs[0]
    for (conv,), projection, low in stages:
        x = conv(resize_bilinear(x, low.shape[1:3])) + projection(low)
    contracts.assert_close(layer(inputs), x)


@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_logits_have_biases_and_no_norm(merge):
    layer = make(ENCODER, LOW, merge=merge, output_is_logits=True)
    assert {weight.name for weight in layer.weights} == {"kernel", "bias"}
    assert np.min(layer(arrays(ENCODER, LOW))) < 0
    size = 3 if merge == "concat" else 1
    assert {conv.kernel_size for conv in layer.convs[0]} == {size}


def test_names_of_a_second_stage_have_a_suffix():
    layer = make(ENCODER, MIDDLE, LOW, output_strides=(8, 4))
    parts = [*layer.projections, *layer.convs[0], *layer.convs[1]]
    assert [part.name for part in parts] == [
        "feature_projection0",
        "feature_projection0_1",
        "decoder_conv0",
        "decoder_conv1",
        "decoder_conv0_1",
        "decoder_conv1_1",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"merge": "max"}, "merge must be one of"),
        ({"output_strides": ()}, "must be given in descending order"),
        ({"output_strides": (4, 8)}, "must be given in descending order"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DecoderConfig(**options)


def test_low_level_features_of_a_smaller_stride_are_reduced():
    # An atrous backbone of stride 8 has its features of "stride 16" at stride 8.
    config = DecoderConfig(output_strides=(16,), filters=4, projected_filters=2)
    decoder = Decoder(config, style=ConvStyle(), low_level_strides=(8,))
    shapes = [(1, 5, 7, 3), (1, 5, 7, 6)]
    outputs = decoder([np.ones(shape, "float32") for shape in shapes])
    assert tuple(outputs.shape) == decoder.compute_output_shape(shapes) == (1, 3, 4, 4)


def test_low_level_features_may_stand_in_front_and_one_convolution_follow():
    options = {"low_level_place": "first", "num_convs": 1}
    layer, (x, low) = make(ENCODER, LOW, **options), arrays(ENCODER, LOW)
    merged = np.concatenate(
        [layer.projections[0](low), resize_bilinear(x, LOW[1:3])], axis=-1
    )
    (conv,) = layer.convs[0]
    contracts.assert_close(layer([x, low]), conv(merged))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low_level_place": "middle"}, "low_level_place must be one of"),
        ({"num_convs": 0}, "num_convs must be at least 1, got 0"),
    ],
)
def test_impossible_order_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DecoderConfig(**options)
