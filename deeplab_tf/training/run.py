# Licensed under the Apache License, Version 2.0.
"""A run and its folder: checkpoints, the best one, the curve, TensorBoard's events."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import keras

from deeplab_tf.config.recipe import Recipe
from deeplab_tf.data import dataset_json, text_files
from deeplab_tf.data.catalog import DatasetInfo
from deeplab_tf.training import checkpointing
from deeplab_tf.training.callbacks import (
    CheckpointCallback,
    Progress,
    TerminateOnSignal,
    ValidationCallback,
)
from deeplab_tf.training.event_files import EventWriter
from deeplab_tf.training.history import History
from deeplab_tf.training.loop import TrainLoop
from deeplab_tf.training.validation import Validation
from deeplab_tf.visualization import curve

BEST_FOLDER = "best"
HISTORY_FILE = "history.csv"
CURVE_FILE = "curve.png"
_NUM_PANELS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a training ended.

    Attributes:
        step: number of updates, those of earlier runs in the same folder included.
        seconds: time that this run took.
        loss: loss of the last step; None if this run had nothing to do.
        best_miou: best mean IoU of the validations, 0 to 1; None without one.
        best_step: step of that validation.
        checkpoint: prefix of the last checkpoint.
        best_checkpoint: prefix of the checkpoint of the best validation.
        interrupted_by: "SIGTERM" or "SIGINT" if that ended the run before its last
            step; started again, it goes on.
    """

    step: int
    seconds: float
    loss: float | None
    best_miou: float | None
    best_step: int | None
    checkpoint: str | None
    best_checkpoint: str | None
    interrupted_by: str | None


class Run:
    """What one training writes, and when.

    Args:
        recipe: intervals and what `config.json` says.
        loop: the training, restored.
        validation: scores the network; None does not.
        folder: takes all files, made if absent.
        write: takes the lines of progress.

    Attributes:
        history: the curve so far.
        info: names and colours of the classes. Where it is set, `dataset.json` lies
            beside every checkpoint, for those who predict with it.
        terminate: tells whether a signal came.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        loop: TrainLoop,
        validation: Validation | None,
        folder: str | os.PathLike,
        write: Callable[[str], None],
    ):
        self._recipe = recipe
        self._loop = loop
        self._validation = validation
        self._folder = pathlib.Path(folder)
        self._write = write
        self.info: DatasetInfo | None = None
        self._folder.mkdir(parents=True, exist_ok=True)
        self._events = EventWriter(self._folder)
        self.history = History(self._folder / HISTORY_FILE, step=loop.step)
        self.terminate = TerminateOnSignal()

    def train(
        self,
        batches: Iterable,
        *,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        save_interval_seconds: float = 0.0,
    ) -> float | None:
        """Trains to the recipe's last step, or until a signal comes.

        Args:
            batches: see `TrainLoop.run`.
            callbacks: called behind those of the run.
            save_interval_seconds: saves by time too; 0 does not.

        Returns:
            The loss of the last step; None if there was nothing to do.
        """
        try:
            with self.terminate:
                logs = self._loop.run(
                    batches,
                    steps=self._recipe.train.steps,
                    callbacks=[
                        *self._callbacks(save_interval_seconds),
                        *callbacks,
                        self.terminate,
                    ],
                )
                if not self.terminate.signal_name and not self._is_validated():
                    self.validate(self._loop.step)
            self._draw_curve()
        finally:
            self._events.close()
        return logs.get("loss")

    def result(self, *, loss: float | None, seconds: float) -> TrainResult:
        """Returns how the training ended."""
        best = self.history.best()
        best_folder = self._folder / BEST_FOLDER
        return TrainResult(
            step=self._loop.step,
            seconds=seconds,
            loss=loss,
            best_miou=best[1] if best else None,
            best_step=best[0] if best else None,
            checkpoint=checkpointing.latest_checkpoint(self._folder),
            best_checkpoint=checkpointing.latest_checkpoint(best_folder),
            interrupted_by=self.terminate.signal_name,
        )

    def _callbacks(
        self, save_interval_seconds: float
    ) -> Sequence[keras.callbacks.Callback]:
        """Returns what the loop calls at each step, in this order."""
        config = self._recipe.train
        return (
            Progress(
                self._write,
                steps=config.steps,
                batch_size=config.batch_size,
                log_steps=config.log_steps,
                record=self.record,
            ),
            # In front of the checkpoint: a run that goes on from a checkpoint has
            # validated it already.
            ValidationCallback(
                self.validate, interval_steps=config.eval_interval_steps
            ),
            CheckpointCallback(
                self.save,
                interval_steps=config.save_interval_steps,
                interval_seconds=save_interval_seconds,
                saved_step=self._loop.step,
            ),
        )

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers of a step to the curve and to TensorBoard."""
        self.history.add(step, values)
        self._events.write_scalars(step, values)

    def save(self, step: int) -> None:
        """Saves a checkpoint."""
        self._save_in(self._folder, step, keep=self._recipe.train.keep_checkpoints)

    def validate(self, step: int) -> None:
        """Scores the network, and keeps it if it is the best so far.

        A signal ends the validation without a score.
        """
        if self._validation is None:
            return
        self._loop.check_finite()
        report = self._validation.evaluate(
            is_stopped=lambda: self.terminate.signal_name is not None
        )
        if report is None:
            return
        best = self.history.best()
        is_best = best is None or report.mean_iou > best[1]
        if is_best:
            # In front of the score: a run that is killed between them validates again,
            # and one that has a score has its checkpoint.
            self._save_in(self._folder / BEST_FOLDER, step, keep=1)
        self.record(step, {"val_miou": report.mean_iou})
        self._draw_curve()
        for i, picture in enumerate(self._validation.panels(_NUM_PANELS)):
            self._events.write_image(step, f"image_labels_prediction/{i}", picture)
        averaged = " of the moving averages" if self._loop.moving_average else ""
        self._write(
            f"step {step}/{self._recipe.train.steps}  validation mIoU"
            f"{averaged} {report.mean_iou:.4f}{', the best so far' if is_best else ''}"
        )

    def _draw_curve(self) -> None:
        """Writes the history as a picture."""
        png = curve.curve_png(self.history.rows)
        text_files.replace_bytes(self._folder / CURVE_FILE, png)

    def _is_validated(self) -> bool:
        """Returns whether the present weights have been scored."""
        steps = [row["step"] for row in self.history.validations()]
        return self._loop.step in steps

    def _save_in(self, folder: pathlib.Path, step: int, *, keep: int) -> None:
        """Saves a checkpoint in a folder, unless a loss was not finite."""
        self._loop.check_finite()
        checkpointing.save_checkpoint(
            folder,
            model=self._loop.model,
            optimizer=self._loop.optimizer,
            step=step,
            moving_average=self._loop.moving_average,
            recipe=self._recipe,
            keep=keep,
        )
        if self.info is not None:
            dataset_json.write_dataset_json(folder, info=self.info, frequencies={})
