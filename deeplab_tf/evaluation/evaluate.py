# Licensed under the Apache License, Version 2.0.
"""Evaluation of a predictor on labelled images."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from deeplab_tf.evaluation.boundary_reports import BoundaryIoUReport, TrimapReport
from deeplab_tf.evaluation.report import Report
from deeplab_tf.inference.predictor import Predictor
from deeplab_tf.metrics.boundary_iou import BoundaryIoU
from deeplab_tf.metrics.confusion_matrix import confusion_matrix
from deeplab_tf.metrics.trimap import Trimap
from deeplab_tf.structures import Example, Outputs

log = logging.getLogger(__name__)


def evaluate(
    predict: Predictor | Callable[[Any], Outputs],
    examples: Iterable[Example],
    *,
    num_classes: int,
    ignore_label: int,
    class_names: Sequence[str] = (),
    progress: Callable[[int], None] | None = None,
    max_examples: int = 0,
    details: Mapping[str, Any] | None = None,
    trimap: Trimap | None = None,
    boundary_iou: BoundaryIoU | None = None,
) -> Report:
    """Compares predicted with true labels, summed over all pixels of all images.

    Args:
        predict: images -> Outputs with `labels`; a Predictor, or any function, as of
            an exported model.
        examples: with `image` and `labels`, of any sizes; or batches of them.
        num_classes: number of classes.
        ignore_label: label of the pixels that do not count.
        class_names: a name for each class; () calls them by their ids.
        progress: called with the number of images so far, after each example.
        max_examples: evaluation stops after so many images; 0 takes all.
        details: what is evaluated, for the report.
        trimap: bands around boundaries in which scores are taken too.
        boundary_iou: asks for the IoU of the contours too.

    Raises:
        ValueError: there are no examples; or a label is neither a class nor the ignore
            label, a prediction is no class, or their sizes differ: the message names
            the image.
    """
    names = tuple(class_names) or tuple(str(number) for number in range(num_classes))
    if len(names) != num_classes:
        raise ValueError(
            f"There must be as many class names as classes, got {len(names)} names and "
            f"{num_classes} classes."
        )
    if isinstance(predict, Predictor):
        predict = predict.select(["labels"])
    counters: dict[str, Callable[..., np.ndarray]] = {"pixels": confusion_matrix}
    if trimap is not None:
        counters["trimap"] = trimap.count
    if boundary_iou is not None:
        counters["boundary_iou"] = boundary_iou.count
    counts: dict[str, Any] = dict.fromkeys(counters, 0)
    num_images = 0
    start_seconds = time.monotonic()
    for example in examples:
        labels = np.asarray(example["labels"])
        predictions = predict(example["image"])["labels"]
        try:
            for name, count in counters.items():
                counts[name] += count(
                    labels,
                    predictions,
                    num_classes=num_classes,
                    ignore_label=ignore_label,
                )
        except ValueError as error:
            image = _image_name(example, number=num_images)
            raise ValueError(f"{image}: {error}") from error
        num_images += len(labels) if labels.ndim == 3 else 1
        if progress is not None:
            progress(num_images)
        if 0 < max_examples <= num_images:
            break
    if num_images == 0:
        raise ValueError("There are no examples to evaluate.")
    return Report(
        class_names=names,
        confusion_matrix=counts["pixels"],
        num_images=num_images,
        seconds=time.monotonic() - start_seconds,
        details=dict(details or {}),
        trimap=_trimap_report(trimap, counts),
        boundary_iou=_boundary_iou_report(boundary_iou, counts),
    )


def _trimap_report(
    trimap: Trimap | None, counts: Mapping[str, np.ndarray]
) -> TrimapReport | None:
    if trimap is None:
        return None
    report = TrimapReport(trimap=trimap, confusion_matrices=counts["trimap"])
    if report.is_empty:
        log.warning(
            "The trimap around %s holds no pixel: %s",
            trimap.around,
            "no label is the ignore label. Take one around labels."
            if trimap.around == "void"
            else "no image has two labels.",
        )
    return report


def _boundary_iou_report(
    boundary_iou: BoundaryIoU | None, counts: Mapping[str, np.ndarray]
) -> BoundaryIoUReport | None:
    if boundary_iou is None:
        return None
    return BoundaryIoUReport(boundary_iou=boundary_iou, counts=counts["boundary_iou"])


def _image_name(example: Example, *, number: int) -> str:
    """Returns what an error calls an example, or the images of a batch."""
    if "image_name" not in example:
        return f"image {number}"
    names = np.asarray(example["image_name"]).ravel().tolist()
    return "image " + ", ".join(
        name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        for name in names
    )
