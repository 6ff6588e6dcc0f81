# Licensed under the Apache License, Version 2.0.
"""How far a command is, on standard error."""

import datetime
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

    def __call__(self, done: float, *, note: str = "") -> None:
        """Shows how far it is.

        Args:
            done: how many of the things are done. A fraction, of a thing that takes
                long, moves the bar and the time that is left.
            note: what else there is to say.
        """
        now = time.monotonic()
        parts = [f"{int(done)}/{self._total} {self._unit}"]
        parts += [note] if note else []
        parts += self._speed(done, now)
        text = ", ".join(parts)
        if self._is_terminal:
            filled = int(_BAR_WIDTH * done / max(1, self._total))
            bar = "#" * filled + "." * (_BAR_WIDTH - filled)
            # The end of a longer line before would stay.
            self._stream.write(f"\r[{bar}] {text} \x1b[K")
            self._stream.flush()
            self._has_bar = True
        elif now - self._shown_seconds >= self._interval_seconds:
            self._shown_seconds = now
            print(text, file=self._stream, flush=True)

    def clear(self) -> None:
        """Takes the bar away, for a line of text; the next call brings it back."""
        if self._has_bar:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._has_bar = False

    def close(self) -> None:
        """Ends the line of the bar."""
        if self._has_bar:
            self._stream.write("\n")
            self._stream.flush()
            self._has_bar = False

    def _speed(self, done: float, now: float) -> list[str]:
        """Returns things per second and the time that is left, where they are known."""
        seconds = max(now - self._start_seconds, 1e-9)
        if done <= 0:
            return []
        rate = done / seconds
        digits = 1 if rate >= 1 else 2
        left = datetime.timedelta(seconds=round((self._total - done) / rate))
        return [f"{rate:.{digits}f} {self._unit}/s", f"left {left}"]
