# Licensed under the Apache License, Version 2.0.
"""Scores in bands around the boundaries of the truth: the trimap of the papers."""

import dataclasses
from typing import Any, Literal

import numpy as np

from deeplab_tf.metrics.confusion_matrix import find_counted
from deeplab_tf.metrics.label_edges import dilate, near_other_label

AROUND = ("labels", "void")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trimap:
    """Bands of several widths around the boundaries in the labels.

    A pixel lies in the band of a width if a boundary is at most so many pixels away,
    by rows and by columns (chessboard distance): the original dilates with a square of
    2 * width + 1 pixels. Pixels of the ignore label make a boundary, and count in no
    band. Bands hold those that are narrower.

    Attributes:
        widths: in pixels, ascending.
        around: "void": what counts lies near a pixel of the ignore label, which in the
            annotations of PASCAL VOC runs along the contours of objects; this is the
            definition of the papers. "labels": near a pixel of any other label, the
            ignore label among them: on VOC the same up to where objects touch without
            void between them, and the one that works where void is no contour
            (CamVid, Cityscapes) or where there is none.

    Reference: DeepLab v1 (arXiv:1412.7062), section 5 and figure 5; v2
    (arXiv:1606.00915), section 4.1.2 and figure 10; v3+ (arXiv:1802.02611), section
    4.4; the authors' Caffe code, matlab/my_script/MyVOCevalsegBoundary.m, which takes
    the widths 1 to 40.
    """

    widths: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    around: Literal["labels", "void"] = "labels"

    def __post_init__(self) -> None:
        widths = self.widths
        if not widths or not all(isinstance(width, int) for width in widths):
            raise ValueError(
                f"Widths of a trimap must be one or more integers, got {widths}."
            )
        if min(widths) < 1:
            raise ValueError(
                f"Widths of a trimap are pixels, at least 1, got {min(widths)}."
            )
        if list(widths) != sorted(set(widths)):
            raise ValueError(
                f"Widths of a trimap must ascend, each given once, got {widths}."
            )
        if self.around not in AROUND:
            raise ValueError(
                f"A trimap lies around one of {', '.join(AROUND)}, got {self.around!r}."
            )

    def bands(self, labels: Any, *, ignore_label: int) -> np.ndarray:
        """Returns for each pixel the narrowest band that holds it.

        Args:
            labels: [..., H, W] integers, the truth.
            ignore_label: label of the pixels that are in no band.

        Returns:
            [..., H, W] int64, an index into `widths`; as many as there are widths for
            pixels that are in no band.
        """
        labels = np.asarray(labels)
        if labels.ndim < 2:
            raise ValueError(
                f"A trimap needs maps of labels, [..., height, width], got shape "
                f"{labels.shape}."
            )
        is_ignored = labels == ignore_label
        reached = 0
        near = is_ignored
        if self.around == "labels":
            reached = self.widths[0]
            near = near_other_label(labels, distance=reached)
        bands = np.full(labels.shape, len(self.widths), np.int64)
        for width in self.widths:
            near = dilate(near, radius=width - reached)
            reached = width
            # A pixel is in the band of its index and in all that are wider.
            bands -= near
        bands[is_ignored] = len(self.widths)
        return bands

    def count(
        self, labels: Any, predictions: Any, *, num_classes: int, ignore_label: int
    ) -> np.ndarray:
        """Counts how often each class was predicted for each label, in each band.

        Args:
            labels: [..., H, W] integers, an array or a tensor with a value.
            predictions: class ids of the same shape.
            num_classes: number of classes.
            ignore_label: label of the pixels that are left out.

        Returns:
            [widths, num_classes, num_classes] int64, for each width a matrix as
            `confusion_matrix` counts it. Those of several images may be added up.

        Raises:
            ValueError: as of `confusion_matrix`.
        """
        labels, predictions = np.asarray(labels), np.asarray(predictions)
        find_counted(
            labels, predictions, num_classes=num_classes, ignore_label=ignore_label
        )
        bands = self.bands(labels, ignore_label=ignore_label)
        is_counted = bands < len(self.widths)
        pairs = labels[is_counted].astype(np.int64) * num_classes
        pairs += predictions[is_counted].astype(np.int64)
        shape = (len(self.widths), num_classes, num_classes)
        counts = np.bincount(
            bands[is_counted] * num_classes**2 + pairs, minlength=int(np.prod(shape))
        )
        return np.cumsum(counts.reshape(shape), axis=0)
