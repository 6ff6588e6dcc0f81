# Licensed under the Apache License, Version 2.0.
"""Configuration of the dense prediction cell, a head that a search has found."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

OPERATIONS = ("conv", "pyramid_pooling")
# The input of a branch that reads the backbone's features.
FEATURES = -1


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellBranch:
    """One operation of a cell.

    Attributes:
        operation: "conv", a separable convolution (a plain one where the kernel is
            1x1), or "pyramid_pooling", averages over the cells of a grid.
        input: index of the branch that it reads, one before it; -1 is the backbone's
            features.
        kernel_size: side of the convolution's kernel.
        rate: (height, width) atrous rates at output stride 16, at smaller strides
            multiplied by the layer.
        grid_size: (rows, columns) of the grid: the window of the average has the
            size of one of its cells.
    """

    operation: str = "conv"
    input: int = FEATURES
    kernel_size: int = 3
    rate: tuple[int, int] = (1, 1)
    grid_size: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise ValueError(
                f"The operation of a cell's branch must be one of {OPERATIONS}, got "
                f"{self.operation!r}."
            )
        for name in ("rate", "grid_size"):
            value = getattr(self, name)
            if len(value) != 2 or min(value) < 1:
                raise ValueError(
                    f"{name} of a cell's branch must be two numbers of at least 1, for "
                    f"height and width, got {value}."
                )
        if self.kernel_size < 1:
            raise ValueError(
                f"kernel_size of a cell's branch must be at least 1, got "
                f"{self.kernel_size}."
            )


# The best cell of the search on Cityscapes (arXiv:1809.04184, figure 5a).
_CITYSCAPES = (
    CellBranch(rate=(1, 6), input=FEATURES),
    CellBranch(rate=(18, 15), input=0),
    CellBranch(rate=(6, 3), input=1),
    CellBranch(rate=(1, 1), input=0),
    CellBranch(rate=(6, 21), input=0),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DensePredictionCellConfig:
    """A dense prediction cell (arXiv:1809.04184, section 3.2).

    Attributes:
        branches: operations, whose results are concatenated; the best cell of the
            search on Cityscapes unless others are given.
        filters: channels of each branch.
        projection_filters: channels to which the concatenation is projected.
        dropout_rate: share of the concatenation's values that training drops.
        image_pooling_crop_size: (height, width) in image pixels over which the grids
            of pyramid pooling lie; None is the whole map.
    """

    branches: tuple[CellBranch, ...] = _CITYSCAPES
    filters: int = 256
    projection_filters: int = 256
    dropout_rate: float = 0.1
    image_pooling_crop_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not self.branches:
            raise ValueError("A dense prediction cell must have a branch, got none.")
        for i, branch in enumerate(self.branches):
            if not FEATURES <= branch.input < i:
                raise ValueError(
                    f"Branch {i} of a cell must read -1, the features, or a branch "
                    f"before it, got {branch.input}."
                )
        size = self.image_pooling_crop_size
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ValueError(
                f"image_pooling_crop_size must be a height and a width, got {size}."
            )


def parse_cell(branches: Any) -> DensePredictionCellConfig:
    """Returns a cell that is written as in research/deeplab's JSON files.

    Args:
        branches: list of dicts with op, input, and kernel and rate, or grid_size;
            kernel, rate and grid_size are numbers or pairs of them.

    Raises:
        ValueError: the list describes no cell.
    """
    if not isinstance(branches, Sequence) or isinstance(branches, str):
        raise ValueError(
            f"A dense prediction cell is a list of branches, got {branches!r}."
        )
    return DensePredictionCellConfig(branches=tuple(map(_parse_branch, branches)))


def _parse_branch(fields: Any) -> CellBranch:
    known = {"op", "input", "kernel", "rate", "grid_size"}
    if not isinstance(fields, Mapping) or not {"op", "input"} <= set(fields) <= known:
        raise ValueError(
            "A branch of a dense prediction cell has op and input, and may have "
            f"kernel, rate and grid_size; got {fields!r}."
        )
    height, width = _pair(fields.get("kernel", 1), "kernel")
    if height != width:
        raise ValueError(f"The kernel of a branch must be square, got {fields!r}.")
    if not isinstance(fields["input"], int):
        raise ValueError(f"The input of a branch must be an integer, got {fields!r}.")
    return CellBranch(
        operation=fields["op"],
        input=max(fields["input"], FEATURES),
        kernel_size=height,
        rate=_pair(fields.get("rate", 1), "rate"),
        grid_size=_pair(fields.get("grid_size", 1), "grid_size"),
    )


def _pair(value: Any, name: str) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else value
    is_pair = isinstance(pair, Sequence) and len(pair) == 2
    if not is_pair or not all(isinstance(number, int) for number in pair):
        raise ValueError(
            f"{name} of a branch must be a number or a list of two, got {value!r}."
        )
    return pair[0], pair[1]


def format_cell(cell: DensePredictionCellConfig) -> list[dict[str, Any]]:
    """Returns the branches of a cell as `parse_cell` reads them."""
    return [
        {"op": branch.operation, "input": branch.input}
        | (
            {"kernel": branch.kernel_size, "rate": list(branch.rate)}
            if branch.operation == "conv"
            else {"grid_size": list(branch.grid_size)}
        )
        for branch in cell.branches
    ]


# Cells by the names that research/deeplab gives their files.
CELLS = {"dense_prediction_cell_branch5_top1_cityscapes": DensePredictionCellConfig()}
