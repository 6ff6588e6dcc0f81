# Licensed under the Apache License, Version 2.0.
"""What a search over CRFs found, in files that a stopped search goes on from."""

import csv
import dataclasses
import io
import json
import math
import pathlib
from typing import Any

from deeplab_tf.config import serialization
from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.data import text_files

CRF_FILE = "crf.json"
TABLE_FILE = "crf_search.csv"
STATE_FILE = "crf_search.json"

VERSION = 1
_FIELDS = (
    "bilateral_weight",
    "bilateral_xy",
    "bilateral_rgb",
    "spatial_weight",
    "spatial_xy",
    "iterations",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """What a CRF achieved.

    Attributes:
        config: the CRF.
        mean_iou: mean intersection over union of the refined predictions, 0 to 1.
        seconds: how long refining and scoring took, for all images.
    """

    config: DenseCRFConfig
    mean_iou: float
    seconds: float


class SearchResults:
    """The CRFs that were tried, with their scores.

    Args:
        folder: of the files; exists.
        details: what is searched on, as JSON values.
    """

    def __init__(self, folder: pathlib.Path, *, details: dict[str, Any]):
        self._folder = folder
        self._details = details
        self._without_crf: float | None = None
        self._trials: dict[DenseCRFConfig, Trial] = {}

    @classmethod
    def open(cls, folder: pathlib.Path, *, details: dict[str, Any]) -> "SearchResults":
        """Returns the results in a folder, or empty ones.

        Raises:
            ValueError: they are of another search, or damaged.
        """
        results = cls(folder, details=details)
        file = folder / STATE_FILE
        if file.is_file():
            results._read(file)
        return results

    def set_without_crf(self, mean_iou: float) -> None:
        """Sets the score of the network alone, and writes what was found earlier.

        Raises:
            OSError: a file cannot be written.
        """
        self._without_crf = mean_iou
        if self._trials:
            self.write()

    def find(self, config: DenseCRFConfig) -> Trial | None:
        """Returns the trial of a CRF, or None."""
        return self._trials.get(config)

    def score(self, config: DenseCRFConfig) -> float:
        """Returns the mean IoU of a CRF; minus infinity without a trial."""
        trial = self.find(config)
        return -math.inf if trial is None else trial.mean_iou

    def best(self) -> DenseCRFConfig | None:
        """Returns the best CRF so far, or None before the first trial."""
        return self._ranking()[0].config if self._trials else None

    def add(self, trial: Trial) -> None:
        """Adds a trial and writes all files.

        Raises:
            OSError: a file cannot be written.
        """
        self._trials[trial.config] = trial
        self.write()

    def write(self) -> None:
        """Writes all files, each whole or not.

        Raises:
            OSError: a file cannot be written.
        """
        best = self._ranking()[0]
        texts = {
            STATE_FILE: self._to_json(),
            TABLE_FILE: self._to_csv(),
            CRF_FILE: serialization.to_json(best.config),
        }
        for name, text in texts.items():
            text_files.replace_text(self._folder / name, text)

    def note(self) -> str:
        """Returns the best score so far, for a line of progress."""
        if not self._trials:
            return f"without {self._without_crf:.4f}"
        best = self._ranking()[0].mean_iou
        return f"best {best:.4f}, without {self._without_crf:.4f}"

    def to_table(self, *, limit: int) -> str:
        """Returns the best trials for a reader, and the network alone."""
        lines = [
            "bilateral weight     xy    rgb  spatial weight     xy     mIoU    gain"
        ]
        assert self._without_crf is not None
        for trial in self._ranking()[:limit]:
            crf = trial.config
            gain = trial.mean_iou - self._without_crf
            lines.append(
                f"{crf.bilateral_weight:16g} {crf.bilateral_xy:6g} "
                f"{crf.bilateral_rgb:6g} {crf.spatial_weight:15g} "
                f"{crf.spatial_xy:6g}   {trial.mean_iou:.4f} {gain:+.4f}"
            )
        if len(self._trials) > limit:
            lines.append(f"... and {len(self._trials) - limit} more")
        lines.append(f"without a CRF{self._without_crf:49.4f}")
        return "\n".join(lines)

    def verdict(self) -> str:
        """Returns in one sentence whether a CRF helps."""
        best = self._ranking()[0]
        assert self._without_crf is not None
        num_images = self._details["num_images"]
        if best.mean_iou > self._without_crf:
            return (
                f"The best CRF raises mIoU from {self._without_crf:.4f} to "
                f"{best.mean_iou:.4f} on the {num_images} images that it was chosen on."
            )
        return (
            f"No CRF of these is better than the network alone: {best.mean_iou:.4f} "
            f"against {self._without_crf:.4f} on {num_images} images."
        )

    def _ranking(self) -> list[Trial]:
        """Returns the trials, the best first; of equal ones that tried first."""
        return sorted(self._trials.values(), key=lambda trial: -trial.mean_iou)

    def _to_json(self) -> str:
        trials = [
            {
                "crf": serialization.to_dict(trial.config),
                "mean_iou": trial.mean_iou,
                "seconds": trial.seconds,
            }
            for trial in self._trials.values()
        ]
        data = {
            "version": VERSION,
            "details": self._details,
            "mean_iou_without_crf": self._without_crf,
            "trials": trials,
        }
        return json.dumps(data, indent=1) + "\n"

    def _to_csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*_FIELDS, "mean_iou", "gain", "seconds"])
        for trial in self._ranking():
            gain = trial.mean_iou - (self._without_crf or 0.0)
            values = [getattr(trial.config, name) for name in _FIELDS]
            writer.writerow([*values, trial.mean_iou, gain, round(trial.seconds, 3)])
        return text.getvalue()

    def _read(self, file: pathlib.Path) -> None:
        """Reads the trials of an earlier search.

        Raises:
            ValueError: they are of another search, or damaged.
        """
        try:
            data = json.loads(file.read_text("utf-8"))
            details, version = data["details"], data["version"]
            trials = [
                Trial(
                    config=serialization.from_dict(entry["crf"]),
                    mean_iou=entry["mean_iou"],
                    seconds=entry["seconds"],
                )
                for entry in data["trials"]
            ]
            if not isinstance(details, dict):
                raise TypeError(f"its details are {details!r}")
            for trial in trials:
                if not isinstance(trial.config, DenseCRFConfig):
                    raise TypeError(f"{trial.config!r} is no CRF")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{file} is damaged ({error}): remove it, or give another folder."
            ) from error
        wanted = json.loads(json.dumps(self._details))
        other = sorted(
            name
            for name in {*wanted, *details}
            if wanted.get(name) != details.get(name)
        )
        if other or version != VERSION:
            raise ValueError(
                f"{file} is of another search, which differs in "
                f"{', '.join(other) or 'its version'}: give another --output_dir."
            )
        self._trials = {trial.config: trial for trial in trials}
