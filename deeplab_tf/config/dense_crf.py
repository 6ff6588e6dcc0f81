# Licensed under the Apache License, Version 2.0.
"""Configuration of the fully connected CRF, and the parameters of each paper."""

import dataclasses
import math

BACKENDS = ("tensorflow", "pydensecrf")
FILTERS = ("lattice", "exact")
NORMALIZATIONS = ("symmetric", "before", "after", "none")


# Beyond them float32 has no room for squares and exponentials.
_LEAST_DEVIATION = 1e-3
_LARGEST = 1e6


@dataclasses.dataclass(frozen=True, kw_only=True)
class DenseCRFConfig:
    """The fully connected CRF of Kraehenbuehl and Koltun (arXiv:1210.5644).

    A label costs its unary energy, and each pair of pixels with different labels costs

        bilateral_weight exp(-dxy^2 / (2 bilateral_xy^2) - drgb^2 / (2 bilateral_rgb^2))
        + spatial_weight exp(-dxy^2 / (2 spatial_xy^2))

    for the distance dxy of the pixels and drgb of their colours.

    Attributes:
        bilateral_weight: of the kernel over position and colour; 0 leaves it out.
        bilateral_xy: its deviation in pixels.
        bilateral_rgb: its deviation in grey levels of 0..255.
        spatial_weight: of the kernel over position alone; 0 leaves it out.
        spatial_xy: its deviation in pixels.
        iterations: mean-field updates; 0 returns the unaries' own softmax.
        compatibility: cost of each pair of labels, [C][C], that multiplies both
            weights; () is Potts: 0 on the diagonal, 1 beside it.
        normalization: how a kernel is divided by its sums over all pixels: "symmetric"
            by the square roots of both pixels' sums, as pydensecrf; "after" by that of
            the pixel that receives, as the papers' own program; "before" by that of
            the pixel that sends; or "none".
        filter: "lattice", the permutohedral lattice; or "exact", the sum over all
            pairs, for small images.
        min_probability: labels whose unary probability stays below it, and below half
            of the mean over labels, at every pixel of an image send and receive
            nothing, which saves their share of the time: no more than about this much
            is theirs before and after. Only with Potts, a normalization, the lattice
            and our own backend; 0 takes all labels.
        backend: "tensorflow", our own; or "pydensecrf", the package of that name.
    """

    bilateral_weight: float = 4.0
    bilateral_xy: float = 67.0
    bilateral_rgb: float = 3.0
    spatial_weight: float = 3.0
    spatial_xy: float = 1.0
    iterations: int = 10
    compatibility: tuple[tuple[float, ...], ...] = ()
    normalization: str = "symmetric"
    filter: str = "lattice"
    min_probability: float = 0.01
    backend: str = "tensorflow"

    def __post_init__(self) -> None:
        for name in ("bilateral_xy", "bilateral_rgb", "spatial_xy"):
            value = getattr(self, name)
            if not (_is_number(value) and _LEAST_DEVIATION <= value <= _LARGEST):
                raise ValueError(
                    f"{name} is a standard deviation and must be positive, from "
                    f"{_LEAST_DEVIATION:g} to {_LARGEST:g}, got {value!r}."
                )
        for name in ("bilateral_weight", "spatial_weight"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 <= value <= _LARGEST):
                raise ValueError(
                    f"{name} must not be negative, nor over {_LARGEST:g}, got "
                    f"{value!r}."
                )
        is_whole = isinstance(self.iterations, int) and _is_number(self.iterations)
        if not is_whole or self.iterations < 0:
            raise ValueError(
                "iterations must be a whole number and not negative, got "
                f"{self.iterations}."
            )
        if not 0 <= self.min_probability < 1:
            raise ValueError(
                f"min_probability must lie in [0, 1), got {self.min_probability}."
            )
        _check_compatibility(self.compatibility)
        choices = {
            "normalization": NORMALIZATIONS,
            "filter": FILTERS,
            "backend": BACKENDS,
        }
        for name, values in choices.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{name} must be one of {values}, got {getattr(self, name)!r}."
                )
        if self.backend == "pydensecrf" and self.filter == "exact":
            raise ValueError("pydensecrf has no exact filter: take the lattice.")
        if self.backend == "pydensecrf" and not _is_symmetric(self.compatibility):
            raise ValueError(
                "pydensecrf replaces a compatibility by its symmetric part: give a "
                "symmetric one, or take the backend tensorflow."
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_compatibility(matrix: tuple[tuple[float, ...], ...]) -> None:
    """Raises ValueError if a compatibility is no square of finite numbers."""
    if not all(isinstance(part, tuple) for part in (matrix, *matrix)):
        raise ValueError(f"compatibility must be a tuple of tuples, got {matrix!r}.")
    if any(len(row) != len(matrix) for row in matrix):
        raise ValueError(
            "compatibility must be square, a row and a column for each class, got rows "
            f"of {[len(row) for row in matrix]} numbers."
        )
    if not all(math.isfinite(value) for row in matrix for value in row):
        raise ValueError(f"compatibility must be finite, got {matrix}.")


def _is_symmetric(matrix: tuple[tuple[float, ...], ...]) -> bool:
    return matrix == tuple(zip(*matrix, strict=True))


# What the papers and their programs took, by the network; always 10 iterations.
PRESETS = {
    # The authors' program for VGG-16 of DeepLab v1 ("not optimised well").
    "deeplab_v1": DenseCRFConfig(
        bilateral_weight=5.0, bilateral_xy=50.0, bilateral_rgb=10.0, spatial_xy=3.0
    ),
    # The default of the script beside it, run_densecrf.sh.
    "deeplab_v1_script": DenseCRFConfig(
        bilateral_weight=5.0, bilateral_xy=50.0, bilateral_rgb=3.0, spatial_xy=3.0
    ),
    "deeplab_v1_msc": DenseCRFConfig(
        bilateral_weight=3.0, bilateral_xy=95.0, bilateral_rgb=3.0, spatial_xy=3.0
    ),
    "deeplab_v1_coco": DenseCRFConfig(
        bilateral_weight=5.0, bilateral_xy=67.0, bilateral_rgb=3.0, spatial_xy=3.0
    ),
    # ResNet-101, as kazuto1011's reproduction takes it.
    "deeplab_v2": DenseCRFConfig(),
}


def get_preset(name: str) -> DenseCRFConfig:
    """Returns the parameters that a paper took.

    Args:
        name: a key of `PRESETS`.

    Raises:
        ValueError: there is no such preset; the message names all.
    """
    if name not in PRESETS:
        raise ValueError(f"Unknown CRF {name!r}; known are {', '.join(PRESETS)}.")
    return PRESETS[name]
