# Licensed under the Apache License, Version 2.0.
"""What an evaluation found along boundaries: a part of its report."""

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from deeplab_tf.metrics.boundary_iou import (
    BoundaryIoU,
    BoundaryScores,
    compute_boundary_scores,
)
from deeplab_tf.metrics.confusion_matrix import Scores, compute_scores
from deeplab_tf.metrics.trimap import Trimap

# Name of a column -> IoU of each class and their mean; NaN where there is none.
Columns = dict[str, tuple[tuple[float, ...], float]]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TrimapReport:
    """Scores within bands around the boundaries of the truth.

    Attributes:
        trimap: the bands.
        confusion_matrices: [widths, C, C] pixel counts over all images.
    """

    trimap: Trimap
    confusion_matrices: np.ndarray

    @functools.cached_property
    def scores(self) -> tuple[Scores, ...]:
        """IoU and accuracy in the band of each width."""
        return tuple(compute_scores(matrix) for matrix in self.confusion_matrices)

    @property
    def is_empty(self) -> bool:
        """Whether no pixel of any image lies in a band."""
        return self.scores[-1].num_pixels == 0

    def to_dict(self) -> dict[str, Any]:
        """Returns the bands as JSON values; None for scores of no pixels."""
        names = ("mean_iou", "mean_accuracy", "pixel_accuracy")
        bands = [
            {"width": width}
            | {
                name: getattr(scores, name) if scores.num_pixels else None
                for name in names
            }
            | {"num_pixels": scores.num_pixels}
            for width, scores in zip(self.trimap.widths, self.scores, strict=True)
        ]
        return {"around": self.trimap.around, "bands": bands}

    def columns(self) -> Columns:
        """Returns the IoU in the band of each width."""
        return {
            f"trimap_{width}_iou": (
                scores.class_iou,
                scores.mean_iou if scores.num_pixels else math.nan,
            )
            for width, scores in zip(self.trimap.widths, self.scores, strict=True)
        }

    def to_table(self) -> str:
        """Returns the scores for a reader: a line for each width."""
        lines = [
            f"trimap around {self.trimap.around}",
            "width     IoU  accuracy  pixel accuracy        pixels",
        ]
        for band in self.to_dict()["bands"]:
            cells = [
                "     -" if band[name] is None else f"{band[name]:6.4f}"
                for name in ("mean_iou", "mean_accuracy", "pixel_accuracy")
            ]
            lines.append(
                f"{band['width']:>5}  {cells[0]}    {cells[1]}          {cells[2]}  "
                f"{band['num_pixels']:>12}"
            )
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class BoundaryIoUReport:
    """Boundary IoU over all images.

    Attributes:
        boundary_iou: how deep the boundary regions are.
        counts: [3, C] pixels in the regions of both, of truth and of prediction.
    """

    boundary_iou: BoundaryIoU
    counts: np.ndarray

    @functools.cached_property
    def scores(self) -> BoundaryScores:
        """Boundary IoU per class and in the mean."""
        return compute_boundary_scores(self.counts)

    def to_dict(self) -> dict[str, Any]:
        """Returns the mean, and how it was taken, as JSON values."""
        return {
            "dilation_ratio": self.boundary_iou.dilation_ratio,
            "mean_iou": self.scores.mean_iou,
        }

    def columns(self) -> Columns:
        """Returns the boundary IoU."""
        return {"boundary_iou": (self.scores.class_iou, self.scores.mean_iou)}
