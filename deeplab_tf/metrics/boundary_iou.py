# Licensed under the Apache License, Version 2.0.
"""Boundary IoU: the overlap of the contours of two segmentations."""

import dataclasses
import math
from typing import Any

import numpy as np

from deeplab_tf.metrics.confusion_matrix import (
    divide_counts,
    find_counted,
    mean_of_numbers,
)
from deeplab_tf.metrics.label_edges import near_border, near_other_label


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundaryIoU:
    """IoU of the pixels that lie inside a class, near its contour.

    The boundary region of a class are its pixels with a pixel of something else, or
    the outside of the image, within a distance: what an erosion takes away. It is made
    for truth and prediction, and their intersection and union are summed over a data
    set. A region at least as deep as all objects is the object: plain IoU.

    Ignored pixels are cut out of truth and prediction before the regions are made, so
    that a prediction that is right wherever there are labels scores 1, whatever it
    says in between. (The authors' panoptic code takes the contour of the prediction
    under the void and leaves the pixels out afterwards. Along the void around VOC's
    objects that would lower the score of a perfect prediction.)

    Attributes:
        dilation_ratio: distance as a fraction of the image's diagonal, rounded to
            pixels of chessboard distance, at least 1. The authors take 0.02, and
            0.005 for the large images of Cityscapes.

    Reference: arXiv:2103.16562, section 4; bowenc0221/boundary-iou-api,
    boundary_utils.py, mask_to_boundary.
    """

    dilation_ratio: float = 0.02

    def __post_init__(self) -> None:
        if not 0 < self.dilation_ratio < math.inf:
            raise ValueError(
                f"dilation_ratio must be a positive number, the share of the image's "
                f"diagonal, got {self.dilation_ratio}."
            )

    def distance(self, height: int, width: int) -> int:
        """Returns how deep the regions are in pixels, for images of a size."""
        return max(1, round(self.dilation_ratio * math.hypot(height, width)))

    def count(
        self, labels: Any, predictions: Any, *, num_classes: int, ignore_label: int
    ) -> np.ndarray:
        """Counts the pixels of the boundary regions of each class.

        Args:
            labels: [..., H, W] integers, an array or a tensor with a value.
            predictions: class ids of the same shape.
            num_classes: number of classes.
            ignore_label: label of the pixels that are left out.

        Returns:
            [3, num_classes] int64: pixels in the regions of both, of the truth, and of
            the prediction. Those of several images may be added up.

        Raises:
            ValueError: as of `confusion_matrix`.
        """
        labels, predictions = np.asarray(labels), np.asarray(predictions)
        is_counted = find_counted(
            labels, predictions, num_classes=num_classes, ignore_label=ignore_label
        )
        truth, truth_region = self._region(labels, is_counted)
        found, found_region = self._region(predictions, is_counted)
        regions = (
            truth[truth_region & found_region & (truth == found)],
            truth[truth_region],
            found[found_region],
        )
        return np.stack([np.bincount(ids, minlength=num_classes) for ids in regions])

    def _region(
        self, ids: np.ndarray, is_counted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns ids, of ignored pixels -1, and which lie near something else."""
        if ids.ndim < 2:
            raise ValueError(
                f"Boundaries need maps of labels, [..., height, width], got shape "
                f"{ids.shape}."
            )
        # The ignore label may be the id of a class that is predicted elsewhere.
        ids = np.where(is_counted, ids, -1).astype(np.int32)
        height, width = ids.shape[-2:]
        distance = self.distance(height, width)
        region = near_other_label(ids, distance=distance)
        region |= near_border(height, width, distance=distance)
        return ids, region & is_counted


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundaryScores:
    """What the counts of `BoundaryIoU` say, as fractions of 1.

    Attributes:
        class_iou: intersection over union of each class' boundary regions; NaN for a
            class that is neither in the labels nor in the predictions.
        mean_iou: mean of the classes' IoU, those that are NaN left out; 0 where all
            are.
    """

    class_iou: tuple[float, ...]
    mean_iou: float


def compute_boundary_scores(counts: np.ndarray) -> BoundaryScores:
    """Returns the scores of summed counts.

    Args:
        counts: [3, C] pixels in the regions of both, of truth and of prediction.
    """
    both, truth, found = counts
    class_iou = divide_counts(both, truth + found - both)
    return BoundaryScores(
        class_iou=tuple(class_iou.tolist()), mean_iou=mean_of_numbers(class_iou)
    )
