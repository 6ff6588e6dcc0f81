# Licensed under the Apache License, Version 2.0.
"""The result of an evaluation, as numbers, JSON, CSV and a table."""

import csv
import dataclasses
import functools
import io
import json
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from deeplab_tf.data import text_files
from deeplab_tf.evaluation.boundary_reports import (
    BoundaryIoUReport,
    Columns,
    TrimapReport,
)
from deeplab_tf.metrics.confusion_matrix import Scores, compute_scores


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """What an evaluation found.

    Attributes:
        class_names: name of each class.
        confusion_matrix: [C, C] pixel counts over all images, rows labels, columns
            predictions.
        num_images: images that were evaluated.
        seconds: how long it took.
        details: what was evaluated, as the caller describes it: checkpoint, step,
            split, ...; goes into the JSON file as it is.
        trimap: scores in bands around boundaries, where they were asked for.
        boundary_iou: IoU of the contours, where it was asked for.
    """

    class_names: tuple[str, ...]
    confusion_matrix: np.ndarray
    num_images: int
    seconds: float
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    trimap: TrimapReport | None = None
    boundary_iou: BoundaryIoUReport | None = None

    @functools.cached_property
    def scores(self) -> Scores:
        """IoU and accuracy, per class and in the mean."""
        return compute_scores(self.confusion_matrix)

    @property
    def mean_iou(self) -> float:
        """Mean intersection over union of the classes that occur, 0 to 1."""
        return self.scores.mean_iou

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as JSON values; None for a score that does not exist."""
        scores = self.scores
        columns = self._boundary_columns()
        return {
            **self.details,
            "mean_iou": scores.mean_iou,
            "mean_accuracy": scores.mean_accuracy,
            "pixel_accuracy": scores.pixel_accuracy,
            "num_images": self.num_images,
            "num_pixels": scores.num_pixels,
            "seconds": self.seconds,
            **{part: found.to_dict() for part, found in self._boundary_parts()},
            "classes": [
                {
                    "id": class_id,
                    "name": name,
                    "iou": _number_or_none(scores.class_iou[class_id]),
                    "accuracy": _number_or_none(scores.class_accuracy[class_id]),
                    "pixels": scores.class_pixels[class_id],
                    **{
                        column: _number_or_none(class_iou[class_id])
                        for column, (class_iou, _) in columns.items()
                    },
                }
                for class_id, name in enumerate(self.class_names)
            ],
            "confusion_matrix": self.confusion_matrix.tolist(),
        }

    def to_json(self) -> str:
        """Returns `to_dict` as text, one line for each row of the confusion matrix."""
        document = self.to_dict()
        rows = document.pop("confusion_matrix")
        text = json.dumps(document, indent=2, allow_nan=False).removesuffix("\n}")
        matrix = ",\n".join(f"    {json.dumps(row)}" for row in rows)
        return f'{text},\n  "confusion_matrix": [\n{matrix}\n  ]\n}}\n'

    def to_csv(self) -> str:
        """Returns a line for each class and one for the mean; NaN is an empty cell.

        Scores along boundaries are further columns.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        document = self.to_dict()
        columns = self._boundary_columns()
        writer.writerow(["id", "name", "iou", "accuracy", "pixels", *columns])
        for row in document["classes"]:
            writer.writerow(row.values())
        means = [document["mean_iou"], document["mean_accuracy"]]
        further = [_number_or_none(mean) for _, mean in columns.values()]
        writer.writerow(["", "mean", *means, document["num_pixels"], *further])
        return text.getvalue()

    def to_table(self) -> str:
        """Returns the scores for a reader: a line for each class, then the means."""
        scores = self.scores
        width = max(len(name) for name in (*self.class_names, "class", "mean"))
        boundary = self._boundary_scores()
        title = "  boundary IoU" if boundary else ""
        lines = [f"{'class':{width}}     IoU  accuracy        pixels{title}"]
        rows = [
            *zip(
                self.class_names,
                scores.class_iou,
                scores.class_accuracy,
                scores.class_pixels,
                strict=True,
            ),
            ("mean", scores.mean_iou, scores.mean_accuracy, scores.num_pixels),
        ]
        for row, (name, iou, accuracy, pixels) in enumerate(rows):
            further = f"        {_format_score(boundary[row])}" if boundary else ""
            lines.append(
                f"{name:{width}}  {_format_score(iou)}    {_format_score(accuracy)}  "
                f"{pixels:>12}{further}"
            )
        rate = self.num_images / max(self.seconds, 1e-9)
        lines.append(f"pixel accuracy {scores.pixel_accuracy:.4f}")
        if self.trimap is not None:
            lines.append(self.trimap.to_table())
        lines.append(
            f"{self.num_images} images in {self.seconds:.1f} s ({rate:.1f} images/s)"
        )
        return "\n".join(lines)

    def _boundary_parts(self) -> list[tuple[str, Any]]:
        parts = [("boundary_iou", self.boundary_iou), ("trimap", self.trimap)]
        return [(name, part) for name, part in parts if part is not None]

    def _boundary_columns(self) -> Columns:
        columns: Columns = {}
        for _, part in self._boundary_parts():
            columns |= part.columns()
        return columns

    def _boundary_scores(self) -> tuple[float, ...]:
        """Returns the boundary IoU of each class and the mean; () without them."""
        if self.boundary_iou is None:
            return ()
        scores = self.boundary_iou.scores
        return (*scores.class_iou, scores.mean_iou)

    def save(self, folder: str | os.PathLike[str], *, name: str = "eval") -> None:
        """Writes `<name>.json` and `<name>.csv` into a folder, each whole or not.

        Args:
            folder: made if it does not exist.
            name: stem of the files.
        """
        target = pathlib.Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for suffix, text in ((".json", self.to_json()), (".csv", self.to_csv())):
            text_files.replace_text(target / f"{name}{suffix}", text)


def _number_or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _format_score(value: float) -> str:
    return "     -" if math.isnan(value) else f"{value:6.4f}"
