# Licensed under the Apache License, Version 2.0.
"""Cells as research/deeplab writes them, and cells that cannot be."""

import pytest

from deeplab_tf.config import serialization
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.dense_prediction_cell import (
    CELLS,
    CellBranch,
    DensePredictionCellConfig,
    format_cell,
    parse_cell,
)
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config

CELL = CELLS["dense_prediction_cell_branch5_top1_cityscapes"]
CONV = {"op": "conv", "input": -1, "kernel": 3, "rate": [1, 6]}


def test_branches_are_read():
    pooling = {"op": "pyramid_pooling", "input": 0, "grid_size": [1, 2]}
    one_by_one = {"op": "conv", "input": 1, "kernel": [1, 1]}
    assert parse_cell([CONV, pooling, one_by_one]).branches == (
        CellBranch(rate=(1, 6)),
        CellBranch(
            operation="pyramid_pooling", input=0, grid_size=(1, 2), kernel_size=1
        ),
        CellBranch(input=1, kernel_size=1),
    )


def test_a_cell_is_written_as_it_is_read():
    assert parse_cell(format_cell(CELL)) == CELL
    assert serialization.from_json(serialization.to_json(CELL)) == CELL


@pytest.mark.reference
def test_the_cell_of_the_cityscapes_release_is_the_recorded_one(reference):
    from tests import goldens

    case = goldens.load(reference, "xception_71_dpc_os16").case
    assert parse_cell(case["options"]["dense_prediction_cell"]) == CELL


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ("conv", "is a list of branches"),
        ([], "must have a branch"),
        ([{"op": "conv"}], "has op and input"),
        ([CONV | {"stride": 2}], "has op and input"),
        ([CONV | {"op": "pool"}], "must be one of"),
        ([CONV | {"input": 0}], "Branch 0 of a cell must read"),
        ([CONV | {"input": "features"}], "must be an integer"),
        ([CONV | {"kernel": [1, 3]}], "must be square"),
        ([CONV | {"kernel": 0}], "kernel_size of a cell's branch"),
        ([CONV | {"rate": [1, 2, 3]}], "rate of a branch must be"),
        ([CONV | {"rate": [0, 2]}], "at least 1"),
        ([CONV | {"rate": "6"}], "rate of a branch must be"),
    ],
)
def test_what_is_no_cell_is_refused(branches, message):
    with pytest.raises(ValueError, match=message):
        parse_cell(branches)


def test_a_window_that_is_no_size_is_refused():
    with pytest.raises(ValueError, match="a height and a width, got"):
        DensePredictionCellConfig(
            branches=(CellBranch(),), image_pooling_crop_size=(65,)
        )


def test_a_cell_has_no_rates_at_output_stride_32():
    backbone = MobileNetV2Config(output_stride=32)
    with pytest.raises(ValueError, match="an output stride of 8 or 16, got 32"):
        DeepLabV3Config(backbone=backbone, aspp=CELL)
