# Licensed under the Apache License, Version 2.0.
"""Breaks real trainings and builds of records and prints a table of how they end.

python -m benchmarks.faults

Kills, signals, full disks, damaged records, NaN in the loss: on a tiny network and
drawn shapes, in processes of their own. Takes about half an hour on two CPU cores. The
exit code is 1 if anything ended wrong. Full disks need root and Linux.
"""

import argparse
import math
import os
import pathlib
import random
import sys
import tempfile
import time

from benchmarks import result_table

_HEADER = ("fault", "ended right / tries", "what right means")
# How often each fault is tried.
_TRIES = {
    "kill": 20,
    "save": 5,
    "signal": 3,
    "disk": 3,
    "records_disk": 3,
    "truncated": 5,
    "damaged": 2,
    "nan": 4,
}


def main() -> int:
    """Runs the faults that were asked for; returns the exit code."""
    arguments = _parse_arguments()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)

    workdir = arguments.workdir or pathlib.Path(tempfile.mkdtemp(prefix="faults-"))
    workdir = workdir.resolve()
    say(f"seed {arguments.seed}, files in {workdir}")
    rows, impossible = _run(arguments, workdir, say)
    for row in rows:
        for problem in row.problems:
            say(f"WRONG: {row.fault}: {problem}")
    table = [(row.fault, f"{row.right} / {row.tries}", row.meaning) for row in rows]
    table += impossible
    print(result_table.to_markdown(_HEADER, table))
    say("done")
    if arguments.output:
        result_table.write(arguments.output, _HEADER, table)
    return int(any(row.right < row.tries for row in rows))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", action="append", choices=list(_TRIES), help="A fault; repeated."
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="Of the tries, at least one each."
    )
    parser.add_argument("--seed", type=int, default=0, help="Of all moments.")
    parser.add_argument("--workdir", type=pathlib.Path, help="Folder for all files.")
    parser.add_argument("--output", type=pathlib.Path, help="Table: .md or .csv.")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, workdir: pathlib.Path, say):
    """Returns the rows of all faults, and those of faults that cannot be tried here."""
    # TensorFlow is imported here, not for --help.
    from benchmarks.faults import bad_data, full_disks, kills
    from benchmarks.faults.setting import Setting

    functions = {
        "kill": kills.kill_at_random,
        "save": kills.kill_while_saving,
        "signal": kills.stop_by_signal,
        "disk": full_disks.fill_while_saving,
        "records_disk": full_disks.fill_while_building,
        "truncated": bad_data.cut_records_off,
        "damaged": bad_data.damage_records,
        "nan": bad_data.break_loss,
    }
    setting = Setting(workdir, rng=random.Random(arguments.seed), say=say)
    setting.prepare(time.monotonic)
    rows, impossible = [], []
    for name in arguments.only or _TRIES:
        try:
            number = math.ceil(_TRIES[name] * arguments.share)
            rows += functions[name](setting, number)
        except full_disks.NoSmallDiskError as error:
            say(f"not possible here: {error}")
            impossible.append((name, "not possible here", str(error)))
    return rows, impossible


if __name__ == "__main__":
    sys.exit(main())
