# Licensed under the Apache License, Version 2.0.
"""Cells: grids, strides, names and drop path."""

import keras
import pytest

from deeplab_tf.backbones.nas_cells import (
    HNASNET_CELL,
    PNASNET_CELL,
    Cell,
    FeatureMap,
)
from deeplab_tf.config.nasnet import NAS_STYLE
from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.drop_path import DropPath
from deeplab_tf.layers.resize_like import ResizeLike
from deeplab_tf.layers.separable_conv import SeparableConv


def build(genotype, *, stride=1, previous=("dd", 4), **options):
    """Returns the layers of a cell of 4 channels by name, and its output."""
    current = FeatureMap(keras.Input((9, 9, 6)), "dd")
    grid, channels = previous
    side = 9 if grid == current.grid else 17
    older = FeatureMap(keras.Input((side, side, channels)), grid)
    cell = Cell(name="cell", filters=4, stride=stride, style=NAS_STYLE, **options)
    output = cell.build(genotype, current, older)
    model = keras.Model([current.x, older.x], output.x)
    return {layer.name: layer for layer in model.layers}, output


@pytest.mark.parametrize(
    ("grid", "halved"), [("dd", "ddd"), ("dddu", "ddd"), ("dduu", "ddu")]
)
def test_halving_takes_back_a_doubling(grid, halved):
    assert FeatureMap(None, grid).halved_grid == halved


@pytest.mark.parametrize("genotype", [PNASNET_CELL, HNASNET_CELL])
@pytest.mark.parametrize("stride", [1, 2])
def test_states_of_the_cell_stand_side_by_side(genotype, stride):
    _, output = build(genotype, stride=stride)
    side = (9 - 1) // stride + 1
    assert output.x.shape == (None, side, side, 5 * 4)
    assert output.grid == "dd" + "d" * (stride - 1)


def test_older_output_is_resized_and_projected_only_where_it_differs():
    names, _ = build(PNASNET_CELL)
    assert not {"cell_prev_resize", "cell_prev_1x1"} & names.keys()
    names, _ = build(PNASNET_CELL, previous=("d", 4))
    assert "cell_prev_resize" in names and "cell_prev_1x1" not in names
    names, _ = build(PNASNET_CELL, previous=("dd", 5))
    assert "cell_prev_1x1" in names and "cell_prev_resize" not in names


def test_stride_is_that_of_the_first_operations_on_outer_states():
    layers, _ = build(PNASNET_CELL, stride=2)
    strides = {
        name: layer.stride
        for name, layer in layers.items()
        if isinstance(layer, (SeparableConv, AtrousConv))
    }
    assert strides.pop("cell_comb_iter_4_right_1x1") == 2
    # Reads the second state of the cell.
    assert strides.pop("cell_comb_iter_3_left_separable_3x3_1") == 1
    assert strides.pop("cell_1x1") == 1
    assert set(strides.values()) == {1, 2}
    for name, stride in strides.items():
        assert stride == (2 if name.endswith("_1") else 1), name


def test_atrous_operation_is_resized_in_place_of_a_stride():
    name = "cell_comb_iter_1_right_atrous_3x3"
    layers, _ = build(HNASNET_CELL)
    assert layers[name].rate == 2
    layers, _ = build(HNASNET_CELL, stride=2)
    assert (layers[name].rate, layers[name].stride) == (1, 1)
    assert isinstance(layers[f"{name}_resize"], ResizeLike)
    # Reads the fourth state of the cell, which has the size already.
    assert layers["cell_comb_iter_4_right_atrous_5x5"].rate == 2


def test_drop_path_follows_every_operation_but_the_identity():
    layers, _ = build(PNASNET_CELL, drop_path={"keep_prob": 0.5})
    found = [name for name in layers if isinstance(layers[name], DropPath)]
    assert len(found) == 9
    assert "cell_comb_iter_4_right_drop_path" not in found
