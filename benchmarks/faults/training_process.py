# Licensed under the Apache License, Version 2.0.
"""A process of this project that is watched line by line, and broken."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A start of TensorFlow on a busy machine takes its time; what takes longer hangs.
TIMEOUT_SECONDS = 600.0

_STEP = re.compile(r"^step (\d+)/\d+  loss ")
_GOING_ON = re.compile(r"^Going on from .*model\.ckpt-(\d+)\.")


class WatchedProcess:
    """A Python process whose lines are read while it runs.

    Args:
        arguments: what follows `python`.
    """

    def __init__(self, arguments: Sequence[str]):
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._lines: list[str] = []
        self._errors: list[str] = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=parts, daemon=True)
            for parts in (
                (self._process.stdout, self._lines),
                (self._process.stderr, self._errors),
            )
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> "WatchedProcess":
        return self

    def __exit__(self, *exception: object) -> None:
        self.send(signal.SIGKILL)

    @property
    def steps(self) -> list[int]:
        """The steps that the training has reported so far."""
        return [int(match[1]) for match in map(_STEP.match, self._lines) if match]

    @property
    def went_on_from(self) -> int | None:
        """The step of the checkpoint that it said it goes on from."""
        found = [match for match in map(_GOING_ON.match, self._lines) if match]
        return int(found[0][1]) if found else None

    @property
    def output(self) -> str:
        """What it has printed on standard output."""
        return "".join(self._lines)

    @property
    def errors(self) -> str:
        """What it has printed on standard error."""
        return "".join(self._errors)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def wait_for_step(self, step: int) -> bool:
        """Waits until a step is reported; False if the process ends before it."""
        return self.wait_until(lambda: any(found >= step for found in self.steps))

    def wait_until(self, is_true: Callable[[], bool]) -> bool:
        """Waits until something holds; False if it never will."""
        end = time.monotonic() + TIMEOUT_SECONDS
        with self._changed:
            while not is_true():
                if not self.is_running or time.monotonic() > end:
                    return is_true()
                self._changed.wait(0.2)
        return True

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; waits for the end if it is SIGKILL."""
        if self.is_running:
            self._process.send_signal(number)
        if number == signal.SIGKILL:
            self.end()

    def end(self) -> int | None:
        """Waits for the end and returns the exit code; None if it hangs."""
        code: int | None = None
        try:
            code = self._process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join()
        return code

    def _read(self, stream, lines: list[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    lines.append(line)
                    self._changed.notify_all()
