# Licensed under the Apache License, Version 2.0.
"""How far a command is, on standard error."""

import sys
import time
from typing import TextIO

_BAR_WIDTH = 30


class Progress:
    """A bar on a terminal; elsewhere, as in a log file, a line now and then.

    Args:
        total: how many things there are to do.
        unit: what they are called, in the plural.
        stream: where to write; None is standard error.
        interval_seconds: time between two lines where there is no terminal.
    """

    def __init__(
        self,
        total: int,
        *,
        unit: str = "images",
        stream: TextIO | None = None,
        interval_seconds: float = 20.0,
    ):
        self._total = total
        self._unit = unit
        self._stream = stream or sys.stderr
        self._interval_seconds = interval_seconds
        self._is_terminal = self._stream.isatty()
        self._start_seconds = self._shown_seconds = time.monotonic()
        self._has_bar = False

    def __call__(self, done: int) -> None:
        """Shows that `done` of the things are done."""
        now = time.monotonic()
        text = f"{done}/{self._total} {self._unit}, {self._rate(done, now)}"
        if self._is_terminal:
            filled = _BAR_WIDTH * done // max(1, self._total)
            bar = "#" * filled + "." * (_BAR_WIDTH - filled)
            self._stream.write(f"\r[{bar}] {text} ")
            self._stream.flush()
            self._has_bar = True
        elif now - self._shown_seconds >= self._interval_seconds:
            self._shown_seconds = now
            print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Ends the line of the bar."""
        if self._has_bar:
            self._stream.write("\n")
            self._stream.flush()
            self._has_bar = False

    def _rate(self, done: int, now: float) -> str:
        seconds = max(now - self._start_seconds, 1e-9)
        return f"{done / seconds:.1f} {self._unit}/s"
