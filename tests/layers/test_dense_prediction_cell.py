# Licensed under the Apache License, Version 2.0.
"""Rates and pooling windows of a dense prediction cell."""

import numpy as np
import pytest

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.dense_prediction_cell import (
    CELLS,
    CellBranch,
    DensePredictionCellConfig,
)
from deeplab_tf.layers.dense_prediction_cell import DensePredictionCell
from deeplab_tf.layers.multiply_adds import count_layer
from tests import contracts

CELL = CELLS["dense_prediction_cell_branch5_top1_cityscapes"]
STYLE = ConvStyle(activation="relu6")


def pooling_cell(**options):
    branch = CellBranch(operation="pyramid_pooling", grid_size=(2, 1))
    config = DensePredictionCellConfig(
        branches=(branch,), filters=2, projection_filters=2, **options
    )
    return DensePredictionCell(config, style=STYLE, output_stride=16)


def test_rates_follow_the_output_stride():
    at_16 = DensePredictionCell(CELL, style=STYLE, output_stride=16)
    assert at_16.branches[1].rate == (18, 15)
    at_8 = DensePredictionCell(CELL, style=STYLE, output_stride=8)
    assert at_8.branches[1].rate == (36, 30)


def test_activations_are_not_bounded_even_where_the_head_is():
    cell = DensePredictionCell(CELL, style=STYLE, output_stride=16)
    assert {branch.activation for branch in cell.branches} == {"relu"}
    assert cell.concat_projection.activation == "relu"


@pytest.mark.parametrize(
    ("crop_size", "image_scale", "windows"),
    # 9 rows in two cells: a window of 5, which fits at 5 places.
    [(None, 1.0, 5 * 1), ((129, 65), 1.0, 5 * 5), ((129, 65), 0.5, 7 * 7)],
)
def test_pooling_windows_are_cells_of_a_grid(crop_size, image_scale, windows):
    cell = pooling_cell(image_pooling_crop_size=crop_size)
    size = cell._window(cell.config.branches[0], (9, 9), image_scale)
    assert (9 - size[0] + 1) * (9 - size[1] + 1) == windows


def test_one_cell_of_the_whole_map_gives_its_mean():
    branch = CellBranch(operation="pyramid_pooling")
    config = DensePredictionCellConfig(
        branches=(branch,), filters=2, projection_filters=2
    )
    cell = DensePredictionCell(config, style=STYLE, output_stride=16)
    x = contracts.draw((1, 5, 7, 3))
    cell(x)
    contracts.draw_weights(cell)
    mean = np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape)
    contracts.assert_close(cell(x), cell(mean.astype("float32")), tolerance=1e-5)


def test_multiply_adds_are_those_of_all_branches():
    cell = pooling_cell()
    cell.build((1, 9, 9, 3))
    # 5 windows of 3 channels to 2, and 81 pixels of 2 channels to 2.
    assert count_layer(cell, (1, 9, 9, 3)) == 5 * 3 * 2 + 81 * 2 * 2
