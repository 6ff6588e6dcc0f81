# Licensed under the Apache License, Version 2.0.
"""A table of results: on the terminal, as Markdown or as CSV."""

import csv
import pathlib
from collections.abc import Sequence

Row = Sequence[object]


def to_markdown(header: Sequence[str], rows: Sequence[Row]) -> str:
    """Returns a Markdown table with columns of even width."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "---|" * len(header))
    return "\n".join(lines)


def write(path: pathlib.Path, header: Sequence[str], rows: Sequence[Row]) -> None:
    """Writes a table to a file: CSV if its name ends in .csv, else Markdown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return
    path.write_text(to_markdown(header, rows) + "\n", encoding="utf-8")
