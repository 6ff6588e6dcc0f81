# Licensed under the Apache License, Version 2.0.
"""Whether a command may write where it shall, asked before the work and not after."""

import os
import pathlib


def check_writable(path: str | os.PathLike, *, flag: str) -> None:
    """Refuses a path that cannot be made.

    Args:
        path: a file or folder that need not exist yet.
        flag: the flag that names it, for the message.

    Raises:
        ValueError: the path, or the nearest folder above it that exists, is no folder
            or may not be written.
    """
    path = pathlib.Path(path).absolute()
    nearest = next(place for place in (path, *path.parents) if place.exists())
    if nearest != path and not nearest.is_dir():
        raise ValueError(
            f"--{flag}={path} cannot be written: {nearest} is a file. Give a path in a "
            "folder."
        )
    if not os.access(nearest, os.W_OK):
        raise ValueError(
            f"--{flag}={path} cannot be written: no permission for {nearest}. Give "
            "another path."
        )


def check_folder(path: str | os.PathLike, *, flag: str) -> None:
    """Refuses a path that cannot be made into a folder, or be one.

    Args:
        path: need not exist yet.
        flag: the flag that names it, for the message.

    Raises:
        ValueError: it is a file, or see `check_writable`.
    """
    if pathlib.Path(path).is_file():
        raise ValueError(f"--{flag}={path} is a file: give a folder.")
    check_writable(path, flag=flag)
