# Licensed under the Apache License, Version 2.0.
"""The curve of a run: loss, learning rate and validation over steps."""

import csv
import io
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from deeplab_tf.data import text_files


class History:
    """The curve of a run as `history.csv`, one row per record, in step order.

    A run that goes on from a checkpoint drops the rows behind it.

    Args:
        path: the file.
        step: step at which the run goes on; later rows are removed.
    """

    COLUMNS = ("step", "loss", "learning_rate", "images_per_second", "val_miou")

    def __init__(self, path: str | os.PathLike, *, step: int = 0):
        self._path = pathlib.Path(path)
        self.rows = [row for row in read_history(self._path) if row["step"] <= step]
        header = dict(zip(self.COLUMNS, self.COLUMNS, strict=True))
        text_files.replace_text(self._path, self._to_csv(header, *self.rows))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Appends a row; values without a column are left out."""
        row: dict[str, float] = {"step": step}
        row |= {key: values[key] for key in self.COLUMNS if key in values}
        self.rows.append(row)
        text_files.append_text(self._path, self._to_csv(row))

    def validations(self) -> list[dict[str, float]]:
        """Returns the rows of validations."""
        return [row for row in self.rows if "val_miou" in row]

    def best(self) -> tuple[int, float] | None:
        """Returns the step and the mean IoU of the best validation so far."""
        scores = [(row["val_miou"], -row["step"]) for row in self.validations()]
        if not scores:
            return None
        score, step = max(scores)
        return -int(step), score

    def _to_csv(self, *rows: Mapping[str, Any]) -> str:
        """Returns rows as lines of the file."""
        buffer = io.StringIO()
        csv.DictWriter(buffer, self.COLUMNS).writerows(rows)
        return buffer.getvalue()


def read_history(path: str | os.PathLike) -> list[dict[str, float]]:
    """Returns the rows of a `history.csv`; a line cut off by a crash is left out."""
    path = pathlib.Path(path)
    if not path.is_file():
        return []
    rows: list[dict[str, float]] = []
    # What follows the last line break was being written when the run was killed.
    lines = path.read_text("utf-8").rpartition("\n")[0].splitlines()
    for text in csv.DictReader(lines):
        try:
            row = {key: float(value) for key, value in text.items() if value}
            row["step"] = int(row["step"])
        except (KeyError, TypeError, ValueError):
            continue
        rows.append(row)
    return rows
