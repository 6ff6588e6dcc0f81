# Licensed under the Apache License, Version 2.0.
"""The recipes as a table, for --list_recipes."""

import textwrap
from collections.abc import Sequence

from deeplab_tf.config.recipe import Recipe

WIDTH = 100

_HEADER = ("recipe", "backbone", "data set")
_INDENT = 4
# Where a source is longer, the recipe's file has the rest.
_MAX_SOURCE_LINES = 2


def format_recipes(recipes: Sequence[Recipe], *, width: int = WIDTH) -> str:
    """Returns a line for each recipe, and what it should reach and its source below.

    Args:
        recipes: in the order of the table.
        width: columns that no line passes, unless a name alone does.
    """
    rows = [(r.name, r.model.backbone.variant, r.data.dataset) for r in recipes]
    widths = [max(map(len, column)) for column in zip(_HEADER, *rows, strict=True)]
    lines = [join_cells(_HEADER, widths), join_cells(["-" * n for n in widths], widths)]
    for recipe, row in zip(recipes, rows, strict=True):
        lines.append(join_cells(row, widths))
        if recipe.expected:
            lines += wrap("expected", recipe.expected, width=width)
        lines += wrap("source", recipe.source, width=width, max_lines=_MAX_SOURCE_LINES)
    return "\n".join(lines)


def join_cells(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Returns the cells below each other's."""
    padded = [cell.ljust(n) for cell, n in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip()


def wrap(
    title: str, text: str, *, width: int, max_lines: int | None = None
) -> list[str]:
    """Returns a titled text in lines of their own, indented."""
    first = " " * _INDENT + f"{title + ':':10}"
    return textwrap.wrap(
        text,
        width=width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        max_lines=max_lines,
        placeholder=" ...",
    )
