# Licensed under the Apache License, Version 2.0.
"""The cells that architecture search found, and how one is built.

Reference: PNASNet (arXiv:1712.00559), figure 4; Auto-DeepLab (arXiv:1901.02985),
figure 3; research/deeplab/core/nas_cell.py and nas_genotypes.py for names, padding and
the place of the stride.
"""

import dataclasses
from typing import Any

import keras

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.drop_path import DropPath
from deeplab_tf.layers.resize_like import ResizeLike
from deeplab_tf.layers.separable_conv import SeparableConv


@dataclasses.dataclass(frozen=True)
class Operation:
    """One of the two branches that make a new state.

    Attributes:
        kind: "separable" (two of them in a row), "atrous" (rate 2), "max_pool" or
            "none" (the identity).
        kernel_size: height and width of its kernels.
        source: the state that it reads: 0 is the output of the cell before, 1 that of
            the one before it, 2 the first state of this cell.
    """

    kind: str
    kernel_size: int
    source: int


# The cell of PNASNet-5.
PNASNET_CELL = (
    (Operation("separable", 5, 1), Operation("max_pool", 3, 1)),
    (Operation("separable", 7, 0), Operation("max_pool", 3, 0)),
    (Operation("separable", 5, 0), Operation("separable", 3, 0)),
    (Operation("separable", 3, 4), Operation("max_pool", 3, 0)),
    (Operation("separable", 3, 1), Operation("none", 1, 0)),
)
# The cell of Auto-DeepLab.
HNASNET_CELL = (
    (Operation("atrous", 5, 1), Operation("separable", 3, 0)),
    (Operation("separable", 3, 1), Operation("atrous", 3, 0)),
    (Operation("separable", 3, 3), Operation("separable", 3, 1)),
    (Operation("separable", 5, 4), Operation("separable", 5, 2)),
    (Operation("separable", 5, 3), Operation("atrous", 5, 5)),
)

# States 0 and 1 come from outside: they alone see the stride of a cell.
NUM_INPUTS = 2


@dataclasses.dataclass(frozen=True)
class FeatureMap:
    """Features and the way on which they got their size.

    Attributes:
        x: [B, H, W, C].
        grid: the resizes since the image: "d" halved a side, "u" doubled it. At equal
            grids maps have equal sizes, whatever the size of the image; at an equal
            stride they need not, since halving rounds.
    """

    x: Any
    grid: str

    @property
    def halved_grid(self) -> str:
        """The grid at half the size."""
        # (2 n - 1) / 2 rounded up is n again.
        return self.grid[:-1] if self.grid.endswith("u") else self.grid + "d"

    @property
    def doubled_grid(self) -> str:
        """The grid at twice the size."""
        return self.grid + "u"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """What all operations of a cell have in common.

    Attributes:
        name: in front of all its layers.
        filters: channels of each state.
        stride: 1 or 2.
        style: norm, activation and padding.
        drop_path: options of its `DropPath` layers; None builds none.
    """

    name: str
    filters: int
    stride: int
    style: ConvStyle
    drop_path: dict[str, Any] | None = None

    def build(
        self,
        genotype: tuple[tuple[Operation, Operation], ...],
        current: FeatureMap,
        previous: FeatureMap,
    ) -> FeatureMap:
        """Builds the cell.

        Args:
            genotype: the operations.
            current: output of the cell before.
            previous: output of the one before it.

        Returns:
            All states that the cell made, side by side.
        """
        states = [
            self._conv("1x1", self._rectify(current.x, "input"), 1),
            self._fit(previous, current),
        ]
        rectified: dict[int, Any] = {}
        for i, operations in enumerate(genotype):
            branches = []
            for side, operation in zip(("left", "right"), operations, strict=True):
                source = operation.source
                x = states[source]
                if operation.kind in ("separable", "atrous"):
                    if source not in rectified:
                        rectified[source] = self._rectify(x, f"state_{source}")
                    x = rectified[source]
                stride = self.stride if source < NUM_INPUTS else 1
                part = f"comb_iter_{i}_{side}"
                branches.append(self._operation(x, part, operation, stride))
            add = keras.layers.Add(name=f"{self.name}_comb_iter_{i}_combine")
            states.append(add(branches))
        made = keras.layers.Concatenate(name=f"{self.name}_cell_output")
        grid = current.grid if self.stride == 1 else current.halved_grid
        return FeatureMap(made(states[NUM_INPUTS:]), grid)

    def _fit(self, previous: FeatureMap, current: FeatureMap):
        """Returns an older output at the size and width that the cell works with."""
        x = previous.x
        if previous.grid != current.grid:
            resize = ResizeLike(name=f"{self.name}_prev_resize")
            x = resize([x, current.x])
        if x.shape[-1] == self.filters:
            return x
        return self._conv("prev_1x1", self._rectify(x, "prev"), 1)

    def _operation(self, x, part: str, operation: Operation, stride: int):
        """Returns what an operation makes of a state, which is rectified for it."""
        size = operation.kernel_size
        if operation.kind == "none":
            if stride == 1:
                return x
            return self._conv(f"{part}_1x1", self._rectify(x, part), 1, stride=stride)
        if operation.kind == "max_pool":
            x = keras.layers.MaxPooling2D(
                size, stride, padding="same", name=f"{self.name}_{part}_max_pool"
            )(x)
        elif operation.kind == "atrous":
            x = self._atrous(x, part, size, stride)
        else:
            x = self._separables(x, part, size, stride)
        if self.drop_path is None:
            return x
        return DropPath(**self.drop_path, name=f"{self.name}_{part}_drop_path")(x)

    def _separables(self, x, part: str, size: int, stride: int):
        """Returns the result of two separable convolutions; the first may stride."""
        first, second = (f"{part}_separable_{size}x{size}_{i}" for i in (1, 2))
        x = self._separable(first, x, size, stride=stride)
        return self._separable(second, self._rectify(x, second), size)

    def _atrous(self, x, part: str, size: int, stride: int):
        """Returns the result of a convolution at rate 2, or 1 after a stride.

        The stride is a resize, and no step of the kernel.
        """
        name = f"{part}_atrous_{size}x{size}"
        if stride == 1:
            return self._conv(name, x, size, rate=2)
        resize = ResizeLike(scale=1 / stride, name=f"{self.name}_{name}_resize")
        return self._conv(name, resize([x, x]), size)

    def _separable(self, name: str, x, size: int, **options):
        return self._conv(name, x, size, cls=SeparableConv, **options)

    def _conv(self, name: str, x, size: int, *, cls=AtrousConv, **options):
        return cls(
            self.filters,
            size,
            style=self.style,
            kernel_initializer=nas_initializer(),
            name=f"{self.name}_{name}",
            **options,
        )(x)

    def _rectify(self, x, name: str):
        name = f"{self.name}_{name}_relu"
        return keras.layers.Activation(self.style.activation, name=name)(x)


def nas_initializer() -> keras.initializers.Initializer:
    """Returns the initializer of all kernels: core/nas_network.py, nas_arg_scope."""
    return keras.initializers.VarianceScaling(
        scale=1 / 3, mode="fan_in", distribution="uniform"
    )
