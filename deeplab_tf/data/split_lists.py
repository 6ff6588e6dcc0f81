# Licensed under the Apache License, Version 2.0.
"""Reads the text files that say which examples a split holds."""

import dataclasses
import pathlib
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitList:
    """A list of a split.

    Attributes:
        path: the file; the split is called like it, without ".txt".
        lines: what it names, each once, without blanks around it.
        repeated: lines that it holds more than once.
    """

    path: pathlib.Path
    lines: tuple[str, ...]
    repeated: frozenset[str]

    @property
    def split(self) -> str:
        """Name of the split."""
        return self.path.stem

    def notes(self, line: str) -> tuple[str, ...]:
        """Returns what a person should know about a line of the list."""
        if line not in self.repeated:
            return ()
        return (f"{self.path} names {line} more than once: stored once.",)


def read_lists(paths: Sequence[pathlib.Path]) -> list[SplitList]:
    """Returns lists; blank lines and the kind of line end do not matter.

    Raises:
        ValueError: a list is empty or no text; the message names all such.
    """
    lists, problems = [], []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            problems.append(f"{path} is no text file in UTF-8: save it as one.")
            continue
        stripped = [line.strip() for line in lines if line.strip()]
        if not stripped:
            problems.append(f"{path} names no example: fill it or delete it.")
        counts = dict.fromkeys(stripped, 0)
        for line in stripped:
            counts[line] += 1
        lists.append(
            SplitList(
                path=path,
                lines=tuple(counts),
                repeated=frozenset(line for line in counts if counts[line] > 1),
            )
        )
    if problems:
        raise ValueError("\n".join(problems))
    return lists


def check_folder(path: pathlib.Path, *, content: str) -> pathlib.Path:
    """Returns a path, once it has proved to be a folder.

    Args:
        path: where the folder should be.
        content: what it should hold, for the message.

    Raises:
        FileNotFoundError: it is none.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is no folder: expected {content} there.")
    return path
