# Licensed under the Apache License, Version 2.0.
"""ResNet-v1: rates, places of the stride, multi-grid, padding colours."""

import keras
import pytest

from deeplab_tf.backbones.resnet import build_resnet
from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.config.resnet import RESNET_STYLE, VARIANTS, ResNetConfig


def layers_of(part, **options):
    """Returns the layers of a kind of convolution, in the order of the units."""
    backbone = build_resnet(ResNetConfig(**options), RESNET_STYLE)
    model = keras.Model(backbone.input, backbone.features)
    return [layer for layer in model.layers if layer.name.endswith(f"_{part}")]


def test_variants_have_the_names_of_the_original():
    assert sorted(VARIANTS) == [
        f"resnet_v1_{depth}{stem}" for depth in (101, 18, 50) for stem in ("", "_beta")
    ]


@pytest.mark.parametrize(
    ("output_stride", "strides", "rates"),
    [
        # The last unit of block1 to block3 is strided; units per block are 3, 4, 6, 3.
        (32, {3: 2, 7: 2, 13: 2}, [1] * 16),
        # The last unit of block3 keeps the old rate, those behind it double.
        (16, {3: 2, 7: 2}, [1] * 13 + [2] * 3),
        (8, {3: 2}, [1] * 7 + [2] * 6 + [4] * 3),
    ],
)
def test_strides_become_rates(output_stride, strides, rates):
    layers = layers_of("conv2", output_stride=output_stride)
    assert [layer.rate for layer in layers] == rates
    found = {i: x.stride for i, x in enumerate(layers, start=1) if x.stride > 1}
    assert found == strides


def test_multi_grid_multiplies_the_rates_of_the_last_block():
    layers = layers_of("conv2", output_stride=16, multi_grid=(1, 2, 4))
    assert [layer.rate for layer in layers] == [1] * 13 + [2, 4, 8]


def test_multi_grid_acts_on_both_convolutions_of_a_basic_block():
    options = {"depth": 18, "output_stride": 8, "multi_grid": (1, 2)}
    for part in ("conv1", "conv2"):
        rates = [layer.rate for layer in layers_of(part, **options)]
        # conv2 of the second unit is the stride's place: its rate is the old one.
        assert rates == [1, 1, 1, 1, 2, 2, 4, 8]


def test_shortcut_without_a_convolution_is_subsampled():
    backbone = build_resnet(ResNetConfig(output_stride=32), RESNET_STYLE)
    model = keras.Model(backbone.input, backbone.features)
    names = [x.name for x in model.layers if x.name.endswith("subsample")]
    assert names == [
        f"block{i}_unit_{u}_subsample" for i, u in ((1, 3), (2, 4), (3, 6))
    ]


@pytest.mark.parametrize(
    ("variant", "pixel"),
    [
        ("resnet_v1_50", (123.15, 115.90, 103.06)),
        ("resnet_v1_101", (123.15, 115.90, 103.06)),
        # As in the original, though the network subtracts the mean above.
        ("resnet_v1_18", (127.5, 127.5, 127.5)),
        ("resnet_v1_50_beta", (127.5, 127.5, 127.5)),
    ],
)
def test_padding_colour_is_that_of_the_original(variant, pixel):
    assert VARIANTS[variant].padding_pixel == pixel


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 35}, "depth must be one of 18, 34, 50, 101, 152, got 35"),
        (
            {"depth": 34, "stem": "beta"},
            "beta stem is known for the depths 18, 50, 101",
        ),
        ({"stride_place": "middle"}, "stride_place must be one of"),
        ({"pool_padding": "none"}, "pool_padding must be one of"),
        (
            {"depth": 18, "stride_place": "first_conv"},
            "1x1 convolution of a bottleneck, which depth 18 does not have",
        ),
        ({"stem": "alpha"}, "stem must be one of"),
        ({"output_stride": 4}, "output_stride must be 8, 16 or 32, got 4"),
        ({"multi_grid": (1, 2)}, "resnet_v1_50 must have 3 rates"),
        ({"depth": 18, "multi_grid": (1, 2, 4)}, "resnet_v1_18 must have 2 rates"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ResNetConfig(**options)


@pytest.mark.parametrize(
    ("stride_place", "part", "output_stride", "strides", "rates"),
    [
        ("first_unit", "conv2", 32, {4: 2, 8: 2, 14: 2}, [1] * 16),
        # torchvision: the first unit of a block keeps the previous rate.
        ("first_unit", "conv2", 8, {4: 2}, [1] * 8 + [2] * 6 + [4] * 2),
        ("first_conv", "conv1", 32, {4: 2, 8: 2, 14: 2}, [1] * 16),
        # Caffe: the stride comes before the 3x3 convolution, and so does the rate.
        ("first_conv", "conv2", 8, {}, [1] * 7 + [2] * 6 + [4] * 3),
    ],
)
def test_strides_of_other_frameworks_become_rates(
    stride_place, part, output_stride, strides, rates
):
    layers = layers_of(part, output_stride=output_stride, stride_place=stride_place)
    assert [layer.rate for layer in layers] == rates
    found = {i: x.stride for i, x in enumerate(layers, start=1) if x.stride > 1}
    assert found == strides


def test_first_convolution_of_a_basic_block_has_the_stride_of_torchvision():
    options = {"depth": 34, "output_stride": 8, "stride_place": "first_unit"}
    # Units per block are 3, 4, 6, 3.
    first, second = (layers_of(part, **options) for part in ("conv1", "conv2"))
    assert [layer.stride for layer in first] == [1] * 3 + [2] + [1] * 12
    assert [layer.rate for layer in first] == [1] * 8 + [2] * 6 + [4] * 2
    assert [layer.rate for layer in second] == [1] * 7 + [2] * 6 + [4] * 3


@pytest.mark.parametrize(
    ("pool_padding", "sizes"),
    [("same", (13, 12)), ("explicit", (13, 12)), ("ceil", (13, 13))],
)
def test_pooling_of_caffe_has_another_row_at_even_sides(pool_padding, sizes):
    backbone = build_resnet(ResNetConfig(pool_padding=pool_padding), RESNET_STYLE)
    model = keras.Model(
        backbone.input, backbone.endpoints["block1/unit_1/bottleneck_v1"]
    )
    # The stem makes 25 and 24 rows of them.
    found = [model.compute_output_shape((1, side, side, 3))[1] for side in (49, 48)]
    assert tuple(found) == sizes


def test_taps_of_torchvision_are_the_outputs_of_blocks():
    config = ResNetConfig(output_stride=8, stride_place="first_unit")
    backbone = build_resnet(config, RESNET_STYLE)
    found = backbone.tap(4, convention="torchvision")
    assert found is backbone.endpoints["block1"]
    assert backbone.tap_stride(4, convention="torchvision") == 4


def test_taps_of_another_convention_are_refused():
    backbone = build_resnet(ResNetConfig(), RESNET_STYLE)
    with pytest.raises(ValueError, match="by the convention of research_deeplab, got"):
        backbone.tap(4, convention="torchvision")


def test_images_are_padded_with_the_mean_of_the_scaling():
    scaling = PixelScaling(mean=(1.0, 2.0, 3.0))
    assert ResNetConfig(input_scaling=scaling).padding_pixel == (1.0, 2.0, 3.0)
