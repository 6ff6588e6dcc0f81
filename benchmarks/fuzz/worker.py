# Licensed under the Apache License, Version 2.0.
"""Reads some mutated files in a process of its own and prints what came of each."""

import argparse
import json
import pathlib
import shutil
import sys
import time

import numpy as np

from benchmarks.fuzz import doors
from benchmarks.fuzz.outcomes import FAILED, NAMED, RIGHT, door_of
from deeplab_tf.cli import reporting


def main() -> None:
    """Prints a line before and after each file; the parent watches them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--last", type=int, required=True)
    arguments = parser.parse_args()
    for number in range(arguments.first, arguments.last + 1):
        print(json.dumps({"number": number, "door": door_of(number)}), flush=True)
        result = try_file(number, seed=arguments.seed, folder=arguments.folder)
        print(json.dumps(result), flush=True)


def try_file(number: int, *, seed: int, folder: pathlib.Path) -> dict:
    """Makes a mutated file, reads it and returns what came of it."""
    place = folder / f"{number:05d}"
    place.mkdir(parents=True)
    began = time.monotonic()
    rng = np.random.default_rng([seed, number])
    outcome, note = RIGHT, ""
    try:
        doors.DOORS[door_of(number)](place, rng)
    except doors.Wrong as verdict:
        outcome, note = FAILED, str(verdict)
    except Exception as error:
        note = reporting.describe(error)
        outcome = NAMED
        if not reporting.is_bad_input(error):
            outcome, note = FAILED, f"{type(error).__name__}: {note}"
        elif str(place) not in note:
            outcome, note = FAILED, f"no name in: {note}"
    seconds = time.monotonic() - began
    if outcome != FAILED:
        shutil.rmtree(place)
    return {
        "number": number,
        "door": door_of(number),
        "outcome": outcome,
        "note": note[-1000:],
        "seconds": round(seconds, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
