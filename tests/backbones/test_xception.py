# Licensed under the Apache License, Version 2.0.
"""Xception: rates, places of the stride, multi-grid, the bounded form."""

import dataclasses

import keras
import numpy as np
import pytest

from deeplab_tf.backbones import xception
from deeplab_tf.config.xception import (
    BOUNDED_XCEPTION_STYLE,
    XCEPTION_STYLE,
    XceptionConfig,
)
from deeplab_tf.layers.atrous_conv import AtrousSeparableConv
from tests import contracts


def build(style=XCEPTION_STYLE, **options):
    return xception.build_xception(XceptionConfig(depth=41, **options), style)


def separable_convs(backbone):
    model = keras.Model(backbone.input, backbone.features)
    return [x for x in model.layers if isinstance(x, AtrousSeparableConv)]


@pytest.mark.parametrize("depth", [41, 65, 71])
def test_variants_are_called_by_their_number_of_convolutions(depth):
    # Two at the start and three in each unit; shortcuts are not counted.
    assert 2 + sum(3 * block.units for block in xception.BLOCKS[depth]) == depth


@pytest.mark.parametrize(
    ("output_stride", "strides", "rates"),
    [
        # Three entry units, eight middle ones, two of the exit, three layers each.
        (32, [3, 6, 9, 36], [1] * 39),
        # exit_flow/block1 keeps the old rate, the layers behind it double.
        (16, [3, 6, 9], [1] * 36 + [2] * 3),
        (8, [3, 6], [1] * 9 + [2] * 27 + [4] * 3),
    ],
)
def test_strides_become_rates(output_stride, strides, rates):
    layers = separable_convs(build(output_stride=output_stride))
    assert [layer.rate for layer in layers] == rates
    assert [i for i, x in enumerate(layers, start=1) if x.stride > 1] == strides


def test_multi_grid_multiplies_the_rates_of_the_last_block():
    layers = separable_convs(build(output_stride=16, multi_grid=(1, 2, 4)))
    assert [layer.rate for layer in layers[-4:]] == [1, 2, 4, 8]


def test_activation_is_inside_the_last_block_alone():
    layers = separable_convs(build())
    assert [layer.activation for layer in layers] == [None] * 36 + ["relu"] * 3


@pytest.mark.slow
def test_bounded_network_is_bounded():
    backbone = build(BOUNDED_XCEPTION_STYLE)
    model = keras.Model(backbone.input, dict(backbone.endpoints))
    contracts.draw_weights(model)
    for weight in model.weights:
        # Large enough for every bound to act.
        if weight.path.endswith("norm/gamma"):
            weight.assign(weight * 10)
    outputs = model(contracts.draw_image(65, 65))
    for name, x in outputs.items():
        # The convolution of a shortcut is clipped behind its endpoint.
        if name.endswith("shortcut"):
            continue
        linear = name.endswith("pointwise") and "exit_flow/block2" not in name
        low = -6 if linear else 0
        assert low <= np.min(x) and np.max(x) <= 6, name
    name = "middle_flow/block1/unit_1/xception_module"
    assert np.max(outputs[name]) == 6
    assert np.min(outputs[f"{name}/separable_conv3_pointwise"]) == -6


@pytest.mark.parametrize("name", ["entry_flow_conv1_1", "entry_flow_block1_unit_1"])
def test_bounded_network_pads_its_first_convolution_explicitly(name):
    backbone = build(BOUNDED_XCEPTION_STYLE)
    model = keras.Model(backbone.input, backbone.features)
    first = name == "entry_flow_conv1_1"
    layer = model.get_layer(name if first else f"{name}_separable_conv3")
    assert layer.style.padding == ("explicit" if first else "same")
    assert layer.style == dataclasses.replace(
        BOUNDED_XCEPTION_STYLE, padding=layer.style.padding
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 50}, "depth must be one of 41, 65, 71, got 50"),
        ({"output_stride": 64}, "output_stride must be 8, 16 or 32, got 64"),
        ({"multi_grid": (1, 2)}, "xception_65 must have 3 rates"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        XceptionConfig(**options)
