# Licensed under the Apache License, Version 2.0.
"""Inverted residuals: what a block consists of, and rounding."""

import keras
import pytest

from deeplab_tf.backbones.inverted_residual import (
    Block,
    build_inverted_residuals,
    make_divisible,
)
from deeplab_tf.config.conv_style import ConvStyle


def build(*blocks, output_stride=32, **options):
    backbone = build_inverted_residuals(
        blocks,
        stem_channels=16,
        scale=lambda channels: channels,
        output_stride=output_stride,
        style=ConvStyle(),
        taps={},
        **options,
    )
    return backbone, keras.Model(backbone.input, backbone.features)


def names_of(model):
    return [layer.name for layer in model.layers if layer.weights]


@pytest.mark.parametrize(
    ("value", "divisor", "minimum", "expected"),
    [
        (32 * 0.5, 8, None, 16),
        (24 * 0.35, 8, None, 8),
        (16 * 0.35, 8, None, 8),
        # 11.2 rounds down to 8, which would lose more than a tenth.
        (32 * 0.35, 8, None, 16),
        (24 * 1.4, 8, None, 32),
        (24 * 1.4, 1, 1, 34),
        (16 * 0.35, 1, 1, 6),
        (16 * 0.02, 1, 1, 1),
    ],
)
def test_channels_are_rounded_as_slim_does(value, divisor, minimum, expected):
    assert make_divisible(value, divisor, minimum) == expected


def test_block_expands_samples_and_projects():
    backbone, model = build(Block(4, 24, 2, 5))
    parts = ("expand", "depthwise", "project")
    assert names_of(model) == ["conv", *(f"expanded_conv_{part}" for part in parts)]
    assert list(backbone.strides.items()) == [
        ("layer_1", 2),
        ("layer_2/expansion_output", 2),
        ("layer_2/depthwise_output", 4),
        ("layer_2", 4),
    ]
    layer = model.get_layer("expanded_conv_depthwise")
    assert (layer.kernel_size, layer.stride) == (5, 2)


def test_fused_block_is_strided_in_its_expansion():
    backbone, model = build(Block(8, 32, 2, 3, fused=True))
    assert names_of(model) == ["conv", "expanded_conv_expand", "expanded_conv_project"]
    layer = model.get_layer("expanded_conv_expand")
    assert (layer.kernel_size, layer.stride) == (3, 2)
    assert backbone.strides["layer_2/expansion_output"] == 4


def test_fused_block_without_expansion_is_a_projection():
    backbone, model = build(Block(1, 32, fused=True))
    assert names_of(model) == ["conv", "expanded_conv_project"]
    assert list(backbone.endpoints) == ["layer_1", "layer_2"]


def test_gate_has_a_quarter_of_the_inner_channels():
    _, model = build(Block(4.5, 24, squeeze_excite=True))
    # 72 / 4 is 18, which rounds down to 16: less by a tenth would be too little.
    assert model.get_layer("expanded_conv_squeeze_excite").squeezed == 24


def test_gate_stands_behind_the_depthwise_endpoint():
    backbone, model = build(Block(4, 24, squeeze_excite=True))
    gate = model.get_layer("expanded_conv_squeeze_excite")
    assert gate.input is backbone.endpoints["layer_2/depthwise_output"]
    assert model.get_layer("expanded_conv_project").input is gate.output


def test_activation_is_that_of_the_block_and_never_behind_the_projection():
    _, model = build(Block(4, 16), Block(4, 16, activation="hard_swish"))
    found = {x.name: x.activation for x in model.layers if hasattr(x, "activation")}
    assert found == {
        "conv": "relu",
        "expanded_conv_expand": "relu",
        "expanded_conv_depthwise": "relu",
        "expanded_conv_project": None,
        "expanded_conv_1_expand": "hard_swish",
        "expanded_conv_1_depthwise": "hard_swish",
        "expanded_conv_1_project": None,
    }


def test_convolutions_outside_have_an_activation_of_their_own():
    _, model = build(Block(4, 16), activation="hard_swish", last_channels=64)
    assert model.get_layer("conv").activation == "hard_swish"
    assert model.get_layer("conv_1").activation == "hard_swish"
    assert model.output.shape[-1] == 64


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (Block(4, 16), True),
        (Block(4, 16, residual=False), False),
        (Block(4, 24), False),
        (Block(4, 16, 2), False),
    ],
    ids=["same", "switched_off", "channels", "stride"],
)
def test_input_is_added_where_shapes_are_equal(block, expected):
    _, model = build(block)
    found = [x.name for x in model.layers if isinstance(x, keras.layers.Add)]
    assert found == (["expanded_conv_add"] if expected else [])
