# Licensed under the Apache License, Version 2.0.
"""Reads mutated files by every way that files come in; nothing may crash or hang.

python -m benchmarks.fuzz

Each of 1,000 files must give the right answer or an error with its name. Takes about
five minutes on two CPU cores. The exit code is 1 if a file did neither.
"""

import argparse
import collections
import pathlib
import sys
import tempfile
import threading
import time
from concurrent import futures

from benchmarks import result_table
from benchmarks.fuzz import processes
from benchmarks.fuzz.outcomes import DOORS, FAILED, NAMED, RIGHT

_HEADER = ("way in", "files", RIGHT, NAMED, FAILED, "slowest, s")


def main() -> int:
    """Runs what the arguments say; returns the exit code."""
    arguments = _parse_arguments()
    folder = arguments.workdir or pathlib.Path(tempfile.mkdtemp(prefix="fuzz-"))
    results = _run_all(arguments, folder)
    failed = [result for result in results if result["outcome"] == FAILED]
    for result in failed:
        place = folder / f"{result['number']:05d}"
        print(f"FAILED {result['door']}, {place}: {result['note']}")
    rows = _table(results)
    print(result_table.to_markdown(_HEADER, rows))
    if arguments.output:
        result_table.write(arguments.output, _HEADER, rows)
    return 1 if failed else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=1000, help="How many.")
    parser.add_argument("--seed", type=int, default=0, help="Of all mutations.")
    parser.add_argument("--workers", type=int, default=2, help="Processes at a time.")
    parser.add_argument(
        "--timeout_seconds", type=float, default=60.0, help="That a file may take."
    )
    parser.add_argument(
        "--workdir", type=pathlib.Path, help="New folder; files that failed stay there."
    )
    parser.add_argument("--output", type=pathlib.Path, help="Table: .md or .csv.")
    return parser.parse_args()


def _run_all(arguments: argparse.Namespace, folder: pathlib.Path) -> list[dict]:
    """Returns the results of all files; shows how many are done."""
    share = -(-arguments.files // arguments.workers)
    parts = [
        range(first, min(first + share, arguments.files))
        for first in range(0, arguments.files, share)
    ]
    results: list[dict] = []
    lock, began = threading.Lock(), time.monotonic()

    def run(part: range) -> None:
        for result in processes.run(
            part,
            seed=arguments.seed,
            folder=folder,
            timeout_seconds=arguments.timeout_seconds,
        ):
            with lock:
                results.append(result)
                done, failed = len(results), result["outcome"] == FAILED
                if done % 50 == 0 or done == arguments.files or failed:
                    seconds = time.monotonic() - began
                    note = f"  FAILED: {result['note']}" if failed else ""
                    text = f"{done}/{arguments.files}  {seconds:.0f} s{note}"
                    print(text, flush=True)

    with futures.ThreadPoolExecutor(len(parts)) as executor:
        list(executor.map(run, parts))
    return results


def _table(results: list[dict]) -> list[tuple[object, ...]]:
    """Returns a row for each way in, and one for all."""
    rows: list[tuple[object, ...]] = []
    for door in (*DOORS, "all"):
        of_door = [r for r in results if door in ("all", r["door"])]
        counts = collections.Counter(result["outcome"] for result in of_door)
        slowest = max((result["seconds"] for result in of_door), default=0.0)
        numbers = [counts[outcome] for outcome in (RIGHT, NAMED, FAILED)]
        rows.append((door, len(of_door), *numbers, f"{slowest:.1f}"))
    return rows


if __name__ == "__main__":
    sys.exit(main())
