# Licensed under the Apache License, Version 2.0.
"""Two processes that work in turns, and the ratio of their times.

On a machine whose speed changes from minute to minute only neighbours in time can be
compared: each pair is one piece of work by us and the same by the peer, and the figure
is the median of the ratios within the pairs.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What a line of an answer begins with, since libraries write to stdout too.
ANSWER = "answer: "

# Characters of what a failed process printed.
_ERROR_LENGTH = 2000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ratio:
    """Ratios within pairs, ours / the peer's.

    Attributes:
        median: of the ratios.
        smallest: of the ratios.
        largest: of the ratios.
    """

    median: float
    smallest: float
    largest: float

    @classmethod
    def of(cls, ours: Sequence[float], peers: Sequence[float]) -> "Ratio":
        """Returns the ratio of numbers that were measured in pairs.

        Raises:
            ValueError: there are no pairs, or a number has no partner.
        """
        if not ours or len(ours) != len(peers):
            raise ValueError(
                f"Pairs need as many numbers of both sides, got {len(ours)} of ours "
                f"and {len(peers)} of the peer's."
            )
        ratios = [mine / other for mine, other in zip(ours, peers, strict=True)]
        return cls(
            median=statistics.median(ratios), smallest=min(ratios), largest=max(ratios)
        )

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.smallest:.2f} to {self.largest:.2f})"


class Worker:
    """A process that waits until it is told to work.

    Each side has its own, so that the thread pools of two frameworks do not meet, and
    the memory of a process is that of one side.

    Args:
        python: interpreter.
        module: what it runs, which answers as `benchmarks.worker.serve` does.
        environment: variables besides those of this process.
    """

    def __init__(
        self,
        python: pathlib.Path,
        module: str,
        *,
        environment: Mapping[str, str] | None = None,
    ):
        # Both libraries chat there; it is of interest if the process fails.
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(python), "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )

    def ask(self, work: str, **options: Any) -> Any:
        """Returns the answer to a request.

        Raises:
            OSError: the process ended; the message has the last it printed.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        # What a process that has ended printed is told below.
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"work": work, **options}), file=stdin, flush=True)
        for line in stdout:
            if line.startswith(ANSWER):
                return json.loads(line.removeprefix(ANSWER))
        code = self._process.wait()
        self._errors.seek(0)
        raise OSError(
            f"{' '.join(map(str, self._process.args))} ended with {code} while it "
            f"worked on {work}:\n{self._errors.read()[-_ERROR_LENGTH:]}"
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        # Leaving it closes its pipes, which ends the work, and waits.
        with self._errors, contextlib.suppress(BrokenPipeError), self._process:
            pass


def python_of(environment: str) -> pathlib.Path:
    """Returns the interpreter of a virtual environment beside the repository's files.

    Raises:
        FileNotFoundError: it has not been made.
    """
    python = ROOT / environment / "bin" / "python"
    if not python.exists():
        raise FileNotFoundError(f"{python} is missing: `make bench` makes it.")
    return python


def alternate(ours: Worker, peer: Worker, *, pairs: int, work: str = "run") -> list:
    """Returns pairs of answers; the two sides take turns, and in going first too.

    Args:
        ours: our process, ready.
        peer: the other, ready.
        pairs: how many.
        work: what both are asked.
    """
    answers = []
    for number in range(pairs):
        if number % 2:
            other, mine = peer.ask(work), ours.ask(work)
        else:
            mine, other = ours.ask(work), peer.ask(work)
        answers.append((mine, other))
    return answers
