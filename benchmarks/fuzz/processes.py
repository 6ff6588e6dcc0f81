# Licensed under the Apache License, Version 2.0.
"""Runs workers, which may crash or hang, and collects what they say of each file."""

import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator

from benchmarks.fuzz.outcomes import FAILED, door_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Of the first file: TensorFlow starts before it.
_START_SECONDS = 300.0


def run(
    numbers: range, *, seed: int, folder: pathlib.Path, timeout_seconds: float
) -> Iterator[dict]:
    """Yields the result of each file; a new process goes on behind a crash or a hang.

    Args:
        numbers: consecutive numbers of files.
        seed: of all mutations.
        folder: takes the files; those that failed stay.
        timeout_seconds: that a file may take.
    """
    remaining = numbers
    while remaining:
        process, lines = _start(remaining, seed=seed, folder=folder)
        current, seconds = remaining[0], _START_SECONDS
        try:
            while remaining:
                line = lines.get(timeout=seconds)
                seconds = timeout_seconds
                if line is None:
                    code = process.wait()
                    yield _failure(current, f"the process ended with {code}")
                    remaining = range(current + 1, numbers.stop)
                    break
                message = json.loads(line)
                current = message["number"]
                if "outcome" in message:
                    yield message
                    remaining = range(current + 1, numbers.stop)
        except queue.Empty:
            yield _failure(current, f"no answer in {seconds:.0f} s")
            remaining = range(current + 1, numbers.stop)
        finally:
            process.kill()
            process.wait()


def _start(
    numbers: range, *, seed: int, folder: pathlib.Path
) -> tuple[subprocess.Popen, queue.Queue]:
    """Starts a worker; its lines come through a queue, and None when it ends."""
    process = subprocess.Popen(
        _command(numbers, seed=seed, folder=folder),
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    lines: queue.Queue = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return process, lines


def _command(numbers: range, *, seed: int, folder: pathlib.Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "benchmarks.fuzz.worker",
        f"--folder={folder}",
        f"--seed={seed}",
        f"--first={numbers[0]}",
        f"--last={numbers[-1]}",
    ]


def _failure(number: int, note: str) -> dict:
    return {
        "number": number,
        "door": door_of(number),
        "outcome": FAILED,
        "note": note,
        "seconds": 0.0,
    }
