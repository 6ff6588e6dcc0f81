# Licensed under the Apache License, Version 2.0.
"""Colour tables: which class a colour of a mask stands for.

Text, one colour a line, `name r g b` in the order of class ids:

    # Masks of the north field.
    background 0 0 0
    traffic light 250 170 30

Read too: `name #fa7d1e`, `name 150` for grey masks, commas, semicolons or tabs between
the columns, a header line, an id in front (`0 background 0 0 0`), colours in front
(`0 0 0 background`). A name that comes again adds a colour to its class. JSON: an
object {name: [r, g, b]}, a list of [name, r, g, b] or of {"name", "color"} objects,
each perhaps with "id", or a `dataset.json`.
"""

import csv
import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from deeplab_tf.data.catalog.dataset_info import Color

_HEX = re.compile(r"^(?:#|0x)([0-9a-fA-F]{6})$")
_COLOR_KEYS = ("color", "colour", "rgb", "value")
_NAME_KEYS = ("name", "class", "label")
_ID_KEYS = ("id", "index", "train_id")
_HOW = "expected lines of `name r g b`, as `road 128 64 128`"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColorTable:
    """Classes and the colours that stand for them.

    Attributes:
        classes: names in the order of their ids.
        palette: the first colour of each class.
        ids: class id by colour.
        ignored: colours of the ignore label.
    """

    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    ids: Mapping[Color, int]
    ignored: frozenset[Color] = frozenset()

    def with_ignored(self, colors: Sequence[Color]) -> "ColorTable":
        """Returns the table with more colours that are ignored.

        Raises:
            ValueError: one of them stands for a class.
        """
        for color in colors:
            if color in self.ids:
                name = self.classes[self.ids[color]]
                raise ValueError(
                    f"The colour {format_color(color)} is to be ignored, and the "
                    f"colour table gives it to {name!r}: take it out of one of them."
                )
        return dataclasses.replace(self, ignored=self.ignored | set(colors))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Row:
    """One colour of a table; the id is None where the place says it."""

    name: str
    color: Color
    number: int | None = None


def format_color(color: Sequence[int]) -> str:
    """Returns "(r, g, b)"."""
    return f"({', '.join(str(int(value)) for value in color)})"


def parse_color(text: str) -> Color:
    """Returns the colour of "r,g,b", "r g b", "#rrggbb" or a grey value.

    Raises:
        ValueError: the text is none of these.
    """
    color = _color(re.split(r"[\s,;]+", text.strip().strip("()[]")))
    if color is None:
        raise ValueError(f"A colour is r,g,b or #rrggbb, got {text!r}.")
    return color


def read_color_table(path: pathlib.Path, *, ignore_label: int) -> ColorTable:
    """Reads a colour table.

    Args:
        path: text or JSON, as the head of this module describes them.
        ignore_label: a row with this id, where ids are given, is no class: its colour
            is ignored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no colour table, or contradicts itself; the message says
            where.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such colour table.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text file in UTF-8: {_HOW}.") from error
    if text.lstrip()[:1] in ("{", "["):
        try:
            rows = _json_rows(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path} is no colour table in JSON ({error}): expected "
                '{"name": [r, g, b], ...} in the order of the ids.'
            ) from error
    else:
        rows = _text_rows(text, path=path)
    if not rows:
        raise ValueError(f"{path} holds no colour: {_HOW}.")
    return _table(rows, path=path, ignore_label=ignore_label)


def _text_rows(text: str, *, path: pathlib.Path) -> list[_Row]:
    """Returns the rows of a text table."""
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = _cells(line)
        if cells:
            lines.append((number, cells))
    # Numbers in front are ids only if all lines have one, or "2 wheeler" would be one.
    with_ids = all(_split_id(cells)[0] is not None for _, cells in lines[1:])
    rows = []
    for place, (number, cells) in enumerate(lines):
        row = _row(cells, with_ids=with_ids and len(lines) > 1)
        if row is None and place == 0 and not any(map(_is_number, cells)):
            continue  # A header.
        if row is None:
            raise ValueError(f"{path}, line {number}: {' '.join(cells)!r}: {_HOW}.")
        rows.append(row)
    return rows


def _cells(line: str) -> list[str]:
    """Returns the columns of a line; names keep their blanks between commas."""
    stripped = line.strip()
    # "#ff0000 road" is a colour, "# road" a comment.
    if not stripped or (stripped[0] == "#" and not _HEX.match(stripped[:7])):
        return []
    for delimiter in "\t;,":
        if delimiter in stripped:
            columns = next(csv.reader([stripped], delimiter=delimiter))
            split = [[c] if re.search(r"[^\d\s]", c) else c.split() for c in columns]
            return [cell.strip() for cells in split for cell in cells if cell.strip()]
    return stripped.split()


def _row(cells: list[str], *, with_ids: bool) -> _Row | None:
    """Returns what a line means; None: it is no row."""
    number = None
    if with_ids:
        number, cells = _split_id(cells)
    for size in (3, 1):
        if len(cells) <= size or all(map(_is_number, cells)):
            continue  # A class needs a name.
        if (color := _color(cells[-size:])) is not None:
            return _Row(name=" ".join(cells[:-size]), color=color, number=number)
        if (color := _color(cells[:size])) is not None:
            return _Row(name=" ".join(cells[size:]), color=color, number=number)
    return None


def _split_id(cells: list[str]) -> tuple[int | None, list[str]]:
    """Returns the id in front of a line and the rest; no id: None and all of it."""
    rest = cells[1:]
    has_id = cells[0].isdigit() and bool(rest) and not _is_number(rest[0])
    if not has_id or _row(rest, with_ids=False) is None:
        return None, cells
    return int(cells[0]), rest


def _color(cells: Sequence[Any]) -> Color | None:
    """Returns the colour in one or three columns, or None."""
    if len(cells) == 1 and (found := _HEX.match(str(cells[0]))):
        value = int(found[1], 16)
        return (value >> 16, (value >> 8) & 255, value & 255)
    if len(cells) not in (1, 3) or not all(_is_number(cell) for cell in cells):
        return None
    values = [int(cell) for cell in cells]
    if max(values) > 255:
        return None
    red, green, blue = values * (3 // len(values))
    return (red, green, blue)


def _is_number(cell: Any) -> bool:
    return str(cell).isdigit()


def _json_rows(data: Any) -> list[_Row]:
    """Returns the rows of a JSON table."""
    if isinstance(data, dict) and {"classes", "palette"} <= set(data):
        data = dict(zip(data["classes"], data["palette"], strict=True))
    if isinstance(data, dict):
        return [_Row(name=n, color=_json_color(color)) for n, color in data.items()]
    return [_json_row(row) for row in data]


def _json_row(row: Any) -> _Row:
    """Returns the row of {"name": ..., "color": ...} or of [name, ...]."""
    if isinstance(row, dict):
        return _Row(
            name=str(_first(row, _NAME_KEYS)),
            color=_json_color(_first(row, _COLOR_KEYS)),
            number=_first(row, _ID_KEYS, needed=False),
        )
    name, *color = row
    return _Row(name=str(name), color=_json_color(color if color[1:] else color[0]))


def _first(row: dict[str, Any], keys: Sequence[str], *, needed: bool = True) -> Any:
    """Returns the value of the first key that is there."""
    for key in keys:
        if key in row:
            return row[key]
    if needed:
        raise ValueError(f"{row} has no {keys[0]!r}")
    return None


def _json_color(value: Any) -> Color:
    color = _color(value if isinstance(value, list) else [value])
    if color is None:
        raise ValueError(f"{value!r} is no colour [r, g, b] of 0..255")
    return color


def _table(
    rows: Sequence[_Row], *, path: pathlib.Path, ignore_label: int
) -> ColorTable:
    """Returns the table of rows, once they agree with each other."""
    ignored = [row.color for row in rows if row.number == ignore_label]
    rows = [row for row in rows if row.number != ignore_label]
    numbers = {row.name: row.number for row in rows}
    names = list(numbers)
    if any(number is not None for number in numbers.values()):
        given = [-1 if number is None else number for number in numbers.values()]
        if sorted(given) != list(range(len(names))):
            raise ValueError(
                f"{path}: the ids of {len(names)} classes must be 0 to "
                f"{len(names) - 1}, each once, got {', '.join(map(str, given))}."
            )
        names = [name for _, name in sorted(zip(given, names, strict=True))]
    ids: dict[Color, int] = {}
    for row in rows:
        number = names.index(row.name)
        if ids.setdefault(row.color, number) != number:
            raise ValueError(
                f"{path}: the colour {format_color(row.color)} stands for both "
                f"{names[ids[row.color]]!r} and {row.name!r}: give each its own."
            )
    first = {number: color for color, number in reversed(ids.items())}
    table = ColorTable(
        classes=tuple(names),
        palette=tuple(first[number] for number in range(len(names))),
        ids=ids,
    )
    return table.with_ignored(ignored)
