# Licensed under the Apache License, Version 2.0.
"""Multiply-adds: hand-computed for each layer."""

import keras
import pytest

from deeplab_tf.config.aspp import ASPPConfig, DecoderConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.layers.aspp import ASPP
from deeplab_tf.layers.atrous_conv import (
    AtrousConv,
    AtrousDepthwiseConv,
    AtrousSeparableConv,
)
from deeplab_tf.layers.decoder import Decoder
from deeplab_tf.layers.image_pooling import ImagePooling
from deeplab_tf.layers.multiply_adds import count_layer, count_model
from deeplab_tf.layers.separable_conv import SeparableConv
from deeplab_tf.layers.squeeze_excite import SqueezeExcite
from deeplab_tf.layers.summed_classifier import SummedClassifier

STYLE = ConvStyle()
SHAPE = (1, 5, 7, 4)
PIXELS = 5 * 7


def aspp(**options):
    return ASPP(ASPPConfig(filters=3, **options), style=STYLE, output_stride=16)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (AtrousConv(3, style=STYLE), PIXELS * 9 * 4 * 3),
        (AtrousConv(3, 1, style=STYLE, normalize=False), PIXELS * 4 * 3),
        # 3 x 4 outputs.
        (AtrousConv(3, style=STYLE, stride=2), 12 * 9 * 4 * 3),
        (AtrousDepthwiseConv(style=STYLE, stride=2), 12 * 9 * 4),
        # Sides 5 and 7 are rounded up to 6 and 8.
        (AtrousConv(3, style=STYLE, rate=2), 48 * 9 * 4 * 3),
        (AtrousDepthwiseConv(style=STYLE, rate=2), 48 * 9 * 4),
        (AtrousSeparableConv(3, style=STYLE), PIXELS * (9 * 4 + 4 * 3)),
        # The depthwise part and the 1x1 part both have the 3 x 4 outputs.
        (SeparableConv(3, 5, style=STYLE, stride=2), 12 * (25 * 4 + 4 * 3)),
        (ImagePooling(3, style=STYLE), 4 * 3),
        # 2 x 3 windows.
        (ImagePooling(3, style=STYLE, window=(3, 3), stride=(2, 2)), 6 * 4 * 3),
        (aspp(atrous_rates=()), 12 + PIXELS * (12 + 6 * 3)),
        (aspp(atrous_rates=(), concat_projection=False), 12 + PIXELS * 12),
        (aspp(atrous_rates=(), image_gate="sigmoid"), 12 + PIXELS * (12 + 3 * 3)),
        (SqueezeExcite(3, style=STYLE), 4 * 3 + 3 * 4),
        (keras.layers.ReLU(), 0),
    ],
)
def test_layer(layer, expected):
    layer.build(SHAPE)
    assert count_layer(layer, SHAPE) == expected


def test_summed_classifier_counts_each_of_its_inputs():
    layer = SummedClassifier(3, 2, style=STYLE, size_of=0)
    shapes = [SHAPE, (1, 2, 2, 6)]
    layer.build(shapes)
    assert count_layer(layer, shapes) == PIXELS * 4 * 3 + 4 * 6 * 3


@keras.saving.register_keras_serializable(package="tests")
class Scale(keras.layers.Layer):
    """A layer with a weight that nobody counts."""

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=())

    def call(self, x):
        return x * self.scale


def test_layers_of_a_network_that_are_not_known_are_refused():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, Scale(name="scale")(image))
    with pytest.raises(ValueError, match=r"multiply-adds of Scale \(scale\) are not"):
        count_model(model, image_size=(9, 9))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, PIXELS * (4 * 2 + (9 + 3) * (6 + 2) + (9 + 3) * 3)),
        ({"merge": "sum"}, PIXELS * (4 * 3 + (9 + 3) * 6)),
        ({"separable": False}, PIXELS * (4 * 2 + 9 * 3 * (6 + 2) + 9 * 3 * 3)),
    ],
    ids=["concat", "sum", "dense"],
)
def test_decoder(options, expected):
    config = DecoderConfig(filters=3, projected_filters=2, **options)
    layer, shapes = Decoder(config, style=STYLE), [(1, 2, 3, 6), SHAPE]
    layer.build(shapes)
    assert count_layer(layer, shapes) == expected


def test_decoder_of_two_stages():
    config = DecoderConfig(filters=3, merge="sum", output_strides=(8, 4))
    layer, shapes = Decoder(config, style=STYLE), [(1, 2, 2, 6), (1, 3, 4, 5), SHAPE]
    layer.build(shapes)
    first = 12 * (5 * 3 + (9 + 3) * 6)
    assert count_layer(layer, shapes) == first + PIXELS * (4 * 3 + (9 + 3) * 3)


def test_model_is_the_sum_of_its_layers():
    image = keras.Input((None, None, 3))
    x = AtrousConv(4, style=STYLE, stride=2)(image)
    x = keras.layers.Add()([x, AtrousConv(4, 1, style=STYLE)(x)])
    model = keras.Model(image, {"semantic": x})
    outputs = 5 * 7
    assert count_model(model, image_size=(9, 13)) == outputs * (9 * 3 * 4 + 4 * 4)


def test_layer_of_unknown_cost_is_refused():
    layer = keras.layers.Dense(2)
    layer.build(SHAPE)
    with pytest.raises(ValueError, match="multiply-adds of Dense"):
        count_layer(layer, SHAPE)
