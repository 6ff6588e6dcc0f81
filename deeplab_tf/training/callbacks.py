# Licensed under the Apache License, Version 2.0.
"""What happens between two steps: progress, validation, checkpoints, signals."""

import datetime
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras


class Progress(keras.callbacks.Callback):
    """Writes a line with loss, learning rate, images per second and time left.

    It belongs in front of the other callbacks, whose time it does not count as
    training.

    Args:
        write: takes a line of text.
        steps: number of updates at the end.
        batch_size: images of an update.
        log_steps: steps between two lines.
        record: takes a step and the numbers of the line by name.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        steps: int,
        batch_size: int,
        log_steps: int,
        record: Callable[[int, Mapping[str, float]], None] | None = None,
    ):
        super().__init__()
        self._write = write
        self._steps = steps
        self._batch_size = batch_size
        self._log_steps = log_steps
        self._record = record

    def on_train_begin(self, logs=None):
        """Starts the clock; the first step, which traces the network, is not timed."""
        self._counted = 0
        self._seconds = 0.0
        self._is_traced = False

    def on_train_batch_begin(self, batch, logs=None):
        """Notes when a step begins, the wait for its data included."""
        self._began = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        """Writes the line if it is time."""
        is_due = batch % self._log_steps == 0 or batch == self._steps
        if is_due:
            values = {key: float(value) for key, value in logs.items()}
        if self._is_traced:
            self._counted += 1
            self._seconds += time.monotonic() - self._began
        self._is_traced = True
        if not is_due:
            return
        rate = self._counted * self._batch_size / max(self._seconds, 1e-9)
        values["images_per_second"] = rate
        self._write(self._line(batch, values))
        if self._record is not None:
            self._record(batch, values)
        self._counted, self._seconds = 0, 0.0

    def _line(self, step: int, values: Mapping[str, float]) -> str:
        """Returns the progress in words."""
        rate = values["images_per_second"]
        left = "?"
        if rate > 0:
            seconds = (self._steps - step) * self._batch_size / rate
            left = str(datetime.timedelta(seconds=round(seconds)))
        return (
            f"step {step}/{self._steps}  loss {values['loss']:.4f}  "
            f"learning rate {values['learning_rate']:.3g}  "
            f"{rate:.1f} images/s  left {left}"
        )


class ValidationCallback(keras.callbacks.Callback):
    """Validates every so many steps.

    Args:
        validate: takes the step and validates.
        interval_steps: steps between two validations; 0 is none.
    """

    def __init__(self, validate: Callable[[int], Any], *, interval_steps: int):
        super().__init__()
        self._validate = validate
        self._interval_steps = interval_steps

    def on_train_batch_end(self, batch, logs=None):
        """Validates if it is time."""
        if self._interval_steps and batch % self._interval_steps == 0:
            self._validate(batch)


class CheckpointCallback(keras.callbacks.Callback):
    """Saves every so many steps or seconds, and when the training ends.

    Args:
        save: takes the step and saves.
        interval_steps: steps between two checkpoints; 0 is none by steps.
        interval_seconds: seconds between two checkpoints; 0 is none by time.
        saved_step: step of the checkpoint that the training started from.
    """

    def __init__(
        self,
        save: Callable[[int], Any],
        *,
        interval_steps: int,
        interval_seconds: float = 0.0,
        saved_step: int | None = None,
    ):
        super().__init__()
        self._save = save
        self._interval_steps = interval_steps
        self._interval_seconds = interval_seconds
        self._saved_step = self._step = saved_step

    def on_train_begin(self, logs=None):
        """Starts the clock."""
        self._saved_at = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        """Saves if it is time."""
        self._step = batch
        waited = time.monotonic() - self._saved_at
        by_steps = self._interval_steps and batch % self._interval_steps == 0
        by_time = self._interval_seconds and waited >= self._interval_seconds
        if by_steps or by_time:
            self._save_once()

    def on_train_end(self, logs=None):
        """Saves the last step, that of an interrupted training too."""
        self._save_once()

    def _save_once(self) -> None:
        """Saves unless this step is saved already."""
        if self._step is not None and self._step != self._saved_step:
            self._save(self._step)
            self._saved_step = self._step
            self._saved_at = time.monotonic()


class TerminateOnSignal(keras.callbacks.Callback):
    """Ends the training after the current step on SIGTERM or SIGINT.

    Use it as a context manager around the loop; a second signal acts as it would
    without it. Outside the main thread, which alone may handle signals, it does
    nothing.

    Attributes:
        signal_name: what arrived, "SIGTERM" or "SIGINT"; None so far.
    """

    def __init__(self):
        super().__init__()
        self.signal_name: str | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "TerminateOnSignal":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        self._restore()

    def on_train_batch_end(self, batch, logs=None):
        """Stops the loop if a signal came."""
        if self.signal_name is not None:
            self.model.stop_training = True

    def _note(self, number: int, frame: Any) -> None:
        """Takes note of a signal; the next one meets the handlers from before."""
        self.signal_name = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        """Puts the handlers from before back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
