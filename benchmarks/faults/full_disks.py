# Licensed under the Apache License, Version 2.0.
"""Disks without room: a training that saves, a build of records."""

import contextlib
import pathlib
import subprocess
from collections.abc import Iterator

from benchmarks.faults.setting import (
    SAME_WEIGHTS,
    SAVE_STEPS,
    Row,
    Setting,
    finish,
    message_problems,
    row,
    saved_step,
)

# How many checkpoints fit beside the other files of a run; 0: not even those.
_ROOMS = (1.5, 2.5, 0.0)
# The share of the records that fits.
_SHARES = (0.1, 0.5, 0.9)
_PLENTY_BYTES = 100_000_000
_OTHER_FILES_BYTES = 150_000
_NO_ROOM_BYTES = 8192


class NoSmallDiskError(Exception):
    """No file system of a given size can be mounted here."""


def fill_while_saving(setting: Setting, number: int) -> list[Row]:
    """Lets the disk be full when a checkpoint is written; then makes room.

    Args:
        setting: the training.
        number: of tries.
    """
    files = list(setting.undisturbed.glob(f"{_latest(setting.undisturbed)}.*"))
    checkpoint_bytes = sum(path.stat().st_size for path in files)
    tries, ends = [], []
    for i in range(number):
        room = _ROOMS[i % len(_ROOMS)]
        folder = setting.workdir / f"full_disk_{i}"
        num_bytes = int(room * checkpoint_bytes) + _OTHER_FILES_BYTES
        with small_disk(folder, num_bytes if room else _NO_ROOM_BYTES):
            with setting.train(folder) as process:
                words = (str(folder), "No space left", "Make room")
                problems = message_problems(process, code=1, words=words)
            step, damage = saved_step(folder)
            problems += damage
            if step != int(room) * SAVE_STEPS:
                problems.append(f"the last checkpoint is of step {step}")
            tries.append(problems)
            resize(folder, _PLENTY_BYTES)
            with setting.train(folder) as process:
                ends.append(finish(process, setting=setting, folder=folder, step=step))
        setting.say(f"disk full while saving: {problems + ends[-1] or 'right'}")
    meaning = "exit code 1, and a message says what to do; the last checkpoint is whole"
    return [
        row("disk full while a checkpoint is written", meaning, tries),
        row("the same runs, with room again", SAME_WEIGHTS, ends),
    ]


def fill_while_building(setting: Setting, number: int) -> list[Row]:
    """Lets the disk be full while records are built; then makes room.

    Args:
        setting: the builder.
        number: of tries.
    """
    flags = ("--num_train=120",)
    whole = setting.workdir / "records_whole"
    with setting.build_records(whole, *flags) as process:
        process.end()
    expected = _contents(whole)
    num_bytes = sum(map(len, expected.values()))
    tries, ends = [], []
    for i in range(number):
        folder = setting.workdir / f"full_disk_of_records_{i}"
        with small_disk(folder, int(_SHARES[i % len(_SHARES)] * num_bytes)):
            with setting.build_records(folder, *flags) as process:
                words = (str(folder), "No space left", "Free some space")
                problems = message_problems(process, code=1, words=words)
            if found := [name for name in _contents(folder) if name in expected]:
                problems.append(f"{found[0]} is there")
            tries.append(problems)
            resize(folder, _PLENTY_BYTES)
            with setting.build_records(folder, *flags) as process:
                ends.append([] if process.end() == 0 else [process.errors[-500:]])
            if _contents(folder) != expected:
                ends[-1].append("other records than on a large disk")
        setting.say(f"disk full while building: {problems + ends[-1] or 'right'}")
    meaning = (
        "exit code 1, and a message says what to do; no record and no dataset.json"
    )
    return [
        row("disk full while records are built", meaning, tries),
        row("the same builds, with room again", "the same bytes as anywhere", ends),
    ]


@contextlib.contextmanager
def small_disk(folder: pathlib.Path, num_bytes: int) -> Iterator[None]:
    """Makes a folder a file system of its own with so much room.

    Raises:
        NoSmallDiskError: that needs root, and Linux.
    """
    folder.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(folder: pathlib.Path, num_bytes: int) -> None:
    """Gives the file system of a folder another size."""
    _mount("-o", f"remount,size={num_bytes}", str(folder))


def _mount(*arguments: str) -> None:
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NoSmallDiskError("there is no mount") from error
    if done.returncode != 0:
        raise NoSmallDiskError(done.stderr.strip())


def _latest(folder: pathlib.Path) -> str:
    """Returns the name of the latest checkpoint."""
    return f"model.ckpt-{saved_step(folder)[0]}"


def _contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Returns the files of a folder by name; those of folders below do not count."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
