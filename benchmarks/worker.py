# Licensed under the Apache License, Version 2.0.
"""The loop of a process that is told what to do: one request and one answer a line."""

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.pairs import ANSWER

# What `ru_maxrss` counts in: KiB, but bytes on macOS.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def serve(tasks: Mapping[str, Callable[..., Any]]) -> None:
    """Answers requests from stdin until it is closed.

    `prepare` builds a task by name and runs it once or twice, so that all is traced
    and in place; `run` runs it and answers `seconds` and `processor_seconds`;
    `memory` answers the largest resident memory so far in bytes, `peak`, and what of it
    was there before the first request, `imports`.

    Args:
        tasks: name -> function of the request's options that returns what `run`
            calls, and a dict of facts, the answer to `prepare`.
    """
    function: Callable[[], Any] | None = None
    imports = _peak_memory()
    for line in sys.stdin:
        request = json.loads(line)
        work = request.pop("work")
        if work == "prepare":
            function, answer = tasks[request.pop("task")](**request)
            for _ in range(2):
                function()
        elif work == "run":
            assert function is not None
            answer = _measure(function)
        elif work == "memory":
            answer = {"peak": _peak_memory(), "imports": imports}
        else:
            raise ValueError(f"Work must be prepare, run or memory, got {work!r}.")
        print(ANSWER + json.dumps(answer), flush=True)


def _measure(function: Callable[[], Any]) -> dict[str, float]:
    processor, began = time.process_time(), time.perf_counter()
    function()
    return {
        "seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - processor,
    }


def _peak_memory() -> int:
    """Returns the bytes of this process at its largest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
