# Licensed under the Apache License, Version 2.0.
"""ASPP: order of its branches, projection, gate, window, dropout."""

import numpy as np
import pytest

from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.layers.aspp import ASPP
from tests import contracts

STYLE = ConvStyle(norm_epsilon=1e-3)
SHAPE = (2, 9, 7, 4)


def make(*, output_stride=16, **options):
    config = ASPPConfig(filters=3, **options)
    layer = ASPP(config, style=STYLE, output_stride=output_stride, name="aspp")
    layer.build(SHAPE)
    contracts.draw_weights(layer)
    return layer


def test_image_feature_is_first_in_the_concatenation():
    layer, x = make(concat_projection=False, atrous_rates=(2,)), contracts.draw(SHAPE)
    parts = [layer.image_pooling, *layer.branches]
    expected = np.concatenate([part(x) for part in parts], axis=-1)
    contracts.assert_close(layer(x), expected)


def test_projection_follows_the_concatenation():
    layer, x = make(), contracts.draw(SHAPE)
    parts = [layer.image_pooling, *layer.branches]
    expected = layer.concat_projection(np.concatenate([p(x) for p in parts], axis=-1))
    contracts.assert_close(layer(x), expected)


@pytest.mark.parametrize("gate", ["sigmoid", "q_sigmoid"])
def test_gate_multiplies_the_projection(gate):
    layer, x = make(image_gate=gate, atrous_rates=()), contracts.draw(SHAPE)
    expected = layer.concat_projection(layer.branches[0](x)) * layer.image_pooling(x)
    contracts.assert_close(layer(x), expected)


def test_rates_are_literal():
    layer = make(atrous_rates=(6, 12, 18), output_stride=8)
    assert [branch.rate for branch in layer.branches] == [1, 6, 12, 18]


@pytest.mark.parametrize(
    ("output_stride", "expected"), [(8, (17, 12)), (16, (9, 6)), (32, (5, 3))]
)
def test_window_is_the_crop_on_the_features(output_stride, expected):
    layer = make(image_pooling_crop_size=(129, 96), output_stride=output_stride)
    assert layer.image_pooling.window == expected


def test_whole_map_is_pooled_without_a_crop_size():
    assert make().image_pooling.window is None


def test_dropout_follows_the_projection_in_training_alone():
    layer = ASPP(
        ASPPConfig(filters=64, dropout_rate=0.5, atrous_rates=()),
        style=ConvStyle(train_norm=False),
        output_stride=16,
    )
    layer.build(SHAPE)
    # Whatever comes in, the projection gives ones.
    layer.concat_projection.norm.gamma.assign(np.zeros(64))
    layer.concat_projection.norm.beta.assign(np.ones(64))
    x = contracts.draw(SHAPE)
    np.testing.assert_array_equal(layer(x), np.ones((*SHAPE[:-1], 64)))
    trained = np.asarray(layer(x, training=True))
    np.testing.assert_array_equal(np.unique(trained), [0, 2])
    assert 0.45 < (trained > 0).mean() < 0.55


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_gate": "tanh"}, "image_gate must be one of"),
        ({"atrous_rates": (0,)}, "atrous_rates must be at least 1"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ASPPConfig(**options)


def test_image_feature_may_be_last_in_the_concatenation():
    options = {"concat_projection": False, "image_feature_place": "last"}
    layer, x = make(atrous_rates=(2,), **options), contracts.draw(SHAPE)
    parts = [*layer.branches, layer.image_pooling]
    expected = np.concatenate([part(x) for part in parts], axis=-1)
    contracts.assert_close(layer(x), expected)


def test_output_convolution_follows_the_projection():
    layer, x = make(output_conv=True), contracts.draw(SHAPE)
    parts = [layer.image_pooling, *layer.branches]
    projected = layer.concat_projection(np.concatenate([p(x) for p in parts], axis=-1))
    contracts.assert_close(layer(x), layer.output_conv(projected))
    assert layer.output_conv.kernel_size == 3
