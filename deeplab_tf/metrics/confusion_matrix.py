# Licensed under the Apache License, Version 2.0.
"""Scores of a segmentation, all from one summed confusion matrix."""

import dataclasses
from typing import Any

import numpy as np


def confusion_matrix(
    labels: Any, predictions: Any, *, num_classes: int, ignore_label: int
) -> np.ndarray:
    """Counts how often each class was predicted for each label.

    Args:
        labels: integers of any shape, an array or a tensor with a value.
        predictions: class ids of the same shape.
        num_classes: number of classes.
        ignore_label: label of the pixels that are left out, whatever was predicted.

    Returns:
        [num_classes, num_classes] int64, rows labels, columns predictions. The
        matrices of several images may be added up.

    Raises:
        ValueError: a label is neither a class nor the ignore label, a prediction is no
            class, or the shapes differ.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    is_counted = find_counted(
        labels, predictions, num_classes=num_classes, ignore_label=ignore_label
    )
    labels = labels[is_counted].astype(np.int64)
    predictions = predictions[is_counted].astype(np.int64)
    counts = np.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def find_counted(
    labels: np.ndarray, predictions: np.ndarray, *, num_classes: int, ignore_label: int
) -> np.ndarray:
    """Returns which pixels count: those whose label is not the ignore label.

    Args:
        labels: integers of any shape.
        predictions: class ids of the same shape.
        num_classes: number of classes.
        ignore_label: label of the pixels that are left out, whatever was predicted.

    Returns:
        bool, of the shape of the labels.

    Raises:
        ValueError: a label is neither a class nor the ignore label, a prediction is no
            class, or the shapes differ.
    """
    if labels.shape != predictions.shape:
        raise ValueError(
            f"Labels and predictions must have the same shape, got {labels.shape} and "
            f"{predictions.shape}."
        )
    is_counted = labels != ignore_label
    if unknown := _values_outside(labels[is_counted], num_classes):
        raise ValueError(
            f"Labels must be one of the {num_classes} classes (0 to {num_classes - 1}) "
            f"or the ignore label {ignore_label}, got {unknown}. Check the number of "
            f"classes and the ignore label of the data set."
        )
    if unknown := _values_outside(predictions[is_counted], num_classes):
        raise ValueError(
            f"Predictions must be one of the {num_classes} classes "
            f"(0 to {num_classes - 1}), got {unknown}."
        )
    return is_counted


def _values_outside(ids: np.ndarray, num_classes: int) -> str:
    """Returns the ids that are no classes, with their pixels, as text; "" for none."""
    if ids.size == 0 or (ids.min() >= 0 and ids.max() < num_classes):
        return ""
    values, counts = np.unique(
        ids[(ids < 0) | (ids >= num_classes)], return_counts=True
    )
    return ", ".join(
        f"{value} ({count} pixels)"
        for value, count in zip(values[:5], counts[:5], strict=True)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scores:
    """What a confusion matrix says of a segmentation, as fractions of 1.

    Attributes:
        class_iou: intersection over union of each class; NaN for a class that is
            neither in the labels nor in the predictions.
        class_accuracy: share of each class' pixels that were found; NaN for a class
            that is not in the labels.
        class_pixels: pixels of each class in the labels.
        mean_iou: mean of the classes' IoU, those that are NaN left out.
        mean_accuracy: mean of the classes' accuracy, those that are NaN left out.
        pixel_accuracy: share of all pixels that were predicted right.
        num_pixels: pixels that were counted; where there are none, the three numbers
            above are 0.
    """

    class_iou: tuple[float, ...]
    class_accuracy: tuple[float, ...]
    class_pixels: tuple[int, ...]
    mean_iou: float
    mean_accuracy: float
    pixel_accuracy: float
    num_pixels: int


def compute_scores(matrix: np.ndarray) -> Scores:
    """Returns the scores of a summed confusion matrix.

    Args:
        matrix: [C, C] pixel counts, rows labels, columns predictions.
    """
    right = np.diag(matrix)
    class_pixels = matrix.sum(axis=1)
    union = class_pixels + matrix.sum(axis=0) - right
    class_iou = divide_counts(right, union)
    class_accuracy = divide_counts(right, class_pixels)
    num_pixels = int(matrix.sum())
    return Scores(
        class_iou=tuple(class_iou.tolist()),
        class_accuracy=tuple(class_accuracy.tolist()),
        class_pixels=tuple(class_pixels.tolist()),
        mean_iou=mean_of_numbers(class_iou),
        mean_accuracy=mean_of_numbers(class_accuracy),
        pixel_accuracy=float(right.sum() / max(num_pixels, 1)),
        num_pixels=num_pixels,
    )


def divide_counts(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Returns the quotients in float64, NaN where the denominator is 0."""
    quotients = numerator / np.maximum(denominator, 1)
    return np.where(denominator > 0, quotients, np.nan)


def mean_of_numbers(values: np.ndarray) -> float:
    """Returns the mean of the values that are not NaN; 0 if all are."""
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if numbers.size else 0.0
