# Licensed under the Apache License, Version 2.0.
"""Writes small files whole or not at all, so that a failure names the file."""

import contextlib
import os
import pathlib
import re
from collections.abc import Iterator


def replace_text(path: str | os.PathLike, text: str) -> None:
    """Replaces a file as a whole, or not at all.

    Raises:
        OSError: it could not be written; it is as it was.
    """
    replace_bytes(path, text.encode("utf-8"))


def replace_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Replaces a file as a whole, or not at all.

    Raises:
        OSError: it could not be written; it is as it was.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".partial-{path.name}")
    try:
        with _named(path), partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def append_text(path: str | os.PathLike, text: str) -> None:
    """Puts text behind a file.

    Raises:
        OSError: it could not be written, or only in part.
    """
    with _named(path), open(path, "a", newline="", encoding="utf-8") as file:
        file.write(text)


def reason(error: Exception) -> str:
    """Returns why a file could not be written, without TensorFlow's names of nodes."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    first_line = str(error).partition("\n")[0]
    text = re.sub(r"^\{\{.*?\}\} | \[Op:\w+\].*$", "", first_line)
    return text.rpartition("; ")[2]


@contextlib.contextmanager
def _named(path: str | os.PathLike) -> Iterator[None]:
    """Adds the name of the file to errors; that of a full disk comes without one."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
