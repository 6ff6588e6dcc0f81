# Licensed under the Apache License, Version 2.0.
"""Networks of cells: strides, widths, the classification head and drop path."""

import dataclasses
import functools

import keras
import pytest

from deeplab_tf.backbones.nasnet import build_nasnet
from deeplab_tf.config.nasnet import NAS_STYLE, NASNetConfig
from deeplab_tf.layers.drop_path import DropPath
from deeplab_tf.layers.resize_like import ResizeLike

# Some five hundred layers are built in each.
pytestmark = pytest.mark.slow

SIDE = 97


@functools.cache
def build(style=NAS_STYLE, **options):
    return build_nasnet(NASNetConfig(filters=4, **options), style)


@pytest.fixture(scope="module", autouse=True)
def networks_of_this_module():
    """Gives their memory back."""
    yield
    build.cache_clear()


def shapes_of(backbone):
    """Returns (side, channels) of each endpoint and of the features."""
    outputs = dict(backbone.endpoints) | {"features": backbone.features}
    model = keras.Model(backbone.input, outputs)
    specs = model.compute_output_spec(keras.KerasTensor((1, SIDE, SIDE, 3)))
    return {name: (spec.shape[1], spec.shape[3]) for name, spec in specs.items()}


def layers_of(backbone, cls):
    model = keras.Model(backbone.input, backbone.features)
    return [layer for layer in model.layers if isinstance(layer, cls)]


@pytest.mark.parametrize(
    ("options", "strides"),
    [
        ({"output_stride": 8}, [8] * 12),
        ({"output_stride": 16}, [8] * 4 + [16] * 8),
        ({"output_stride": 32}, [8] * 4 + [16] * 4 + [32] * 4),
        ({"output_stride": 32, "remove_os32_stride": True}, [8] * 4 + [16] * 8),
        ({"network": "hnasnet"}, [4, 4, 4, 8, 16, 8, 16, 16, 32, 32, 16, 8]),
        (
            {"network": "hnasnet", "remove_os32_stride": True},
            [4, 4, 4, 8, 16, 8, 16, 16, 16, 16, 16, 8],
        ),
    ],
    ids=str,
)
def test_cells_lie_at_their_strides(options, strides):
    backbone = build(**options)
    assert [backbone.strides[f"Cell_{i}"] for i in range(12)] == strides


def test_cells_are_as_wide_as_their_level_asks_for():
    backbone = build(network="hnasnet", remove_os32_stride=True)
    widths = [backbone.endpoints[f"Cell_{i}"].shape[-1] // (5 * 4) for i in range(12)]
    assert widths == [1, 1, 1, 2, 4, 2, 4, 4, 8, 8, 4, 2]


def test_endpoints_have_their_strides():
    backbone = build(network="hnasnet", output_stride=16, classification_head=True)
    shapes = shapes_of(backbone)
    for name, stride in backbone.strides.items():
        assert shapes[name][0] == (SIDE - 1) // stride + 1, name
    assert shapes["classification_head"] == shapes["features"] == (7, 2048)


@pytest.mark.parametrize(
    "options",
    [{"output_stride": s} for s in (8, 16, 32)] + [{"network": "hnasnet"}],
    ids=str,
)
def test_taps_lie_at_their_stride(options):
    backbone = build(**options)
    for stride in (4, 8, 16):
        smallest = options.get("output_stride", 32)
        assert backbone.tap_stride(stride) == min(stride, smallest)


@pytest.mark.parametrize(
    ("options", "is_regular"),
    [
        ({"output_stride": 16}, True),
        ({"output_stride": 32, "remove_os32_stride": True}, False),
        # Of 96 pixels it makes 11 or fewer, and not 12: it enlarges 3.
        ({"network": "hnasnet"}, False),
        (
            {"network": "hnasnet", "output_stride": 32, "classification_head": True},
            True,
        ),
    ],
    ids=str,
)
def test_features_of_any_size_are_known_to_be_regular_or_not(options, is_regular):
    assert build(**options).has_regular_size == is_regular


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # Strides and rates of the convolutions to 16 and 32.
        ({"network": "hnasnet", "output_stride": 8}, [(1, 2), (1, 4)]),
        ({"network": "hnasnet", "output_stride": 16}, [(2, 1), (1, 2)]),
        ({"network": "hnasnet", "output_stride": 32}, [(2, 1), (2, 1)]),
        ({"output_stride": 8}, [(1, 2), (1, 4)]),
        ({"output_stride": 16}, [(1, 2)]),
        ({"output_stride": 32}, []),
    ],
    ids=str,
)
def test_classification_head_leads_to_the_output_stride(options, expected):
    backbone = build(classification_head=True, **options)
    model = keras.Model(backbone.input, backbone.features)
    convs = [model.get_layer(n) for n in backbone.endpoints if n.startswith("down")]
    assert [(conv.stride, conv.rate) for conv in convs] == expected
    channels = {16: 512, 32: 1024}
    assert all(c.filters == channels[int(c.name[-2:])] for c in convs)
    assert backbone.strides["classification_head"] == options["output_stride"]


def test_sizes_are_compared_only_where_they_may_differ():
    assert [x.name for x in layers_of(build(output_stride=16), ResizeLike)] == [
        "cell_0_prev_resize",
        "cell_1_prev_resize",
        "cell_5_prev_resize",
    ]


def test_drop_path_knows_its_depth_and_ramp():
    options = {"drop_path_keep_prob": 0.7, "drop_path_steps": 50}
    found = layers_of(build(**options), DropPath)
    assert {layer.depth_fraction for layer in found} == {i / 12 for i in range(1, 13)}
    assert {(layer.keep_prob, layer.ramp_calls) for layer in found} == {(0.7, 50)}


def test_drop_path_is_not_built_where_it_does_nothing():
    assert layers_of(build(output_stride=16), DropPath) == []
    frozen = dataclasses.replace(NAS_STYLE, train_norm=False)
    assert layers_of(build(style=frozen, drop_path_keep_prob=0.7), DropPath) == []
