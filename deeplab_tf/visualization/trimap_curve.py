# Licensed under the Apache License, Version 2.0.
"""The plot of the papers: a score over the width of the trimap, a line for each run."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]

_WIDTH, _PLOT_HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 28, 24, 64
_LEGEND_LINE = 26
_FONT_SIZE = 15
# Drawn larger and made small again, so that lines are smooth.
_OVERSAMPLING = 3
_PAPER_COLOR = (255, 255, 255)
_INK_COLOR = (20, 20, 20)
_GRID_COLOR = (225, 225, 225)
# Okabe and Ito's, told apart by colour-blind readers too.
_COLORS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (230, 159, 0),
    (90, 90, 90),
)
_MARKERS = ("circle", "square", "triangle", "diamond")
_TICKS = 6
# A flat line would else be stretched until noise fills the plot.
_LEAST_SPAN = 2.0


def draw_trimap_curves(
    curves: Mapping[str, Sequence[Point]], *, score: str = "mean IoU"
) -> np.ndarray:
    """Draws scores over widths, with axes that fit them and a legend below.

    Args:
        curves: name -> points (width in pixels, score as a fraction of 1), by
            ascending width.
        score: what the scores are.

    Returns:
        [height, 760, 3] uint8; the height grows with the lines of the legend.
    """
    if not curves or not all(curves.values()):
        raise ValueError("A plot needs one or more curves, each with points.")
    percent = {
        name: [(width, 100 * value) for width, value in points]
        for name, points in curves.items()
    }
    legend = _break_legend(list(percent))
    plot = _Plot(
        [point for points in percent.values() for point in points],
        legend_lines=len(legend),
    )
    plot.axes("trimap width (pixels)", f"{score} (%)")
    for number, points in enumerate(percent.values()):
        plot.line(points, number)
    plot.legend(legend)
    return plot.picture()


class _Plot:
    """A sheet of paper with axes.

    Args:
        points: that the axes have to hold.
        legend_lines: for which there is room below.
    """

    def __init__(self, points: Sequence[Point], *, legend_lines: int):
        self._height = _PLOT_HEIGHT + _LEGEND_LINE * legend_lines
        size = (_WIDTH * _OVERSAMPLING, self._height * _OVERSAMPLING)
        self._image = Image.new("RGB", size, _PAPER_COLOR)
        self._draw = ImageDraw.Draw(self._image)
        self._font: Any = ImageFont.load_default(size=_FONT_SIZE * _OVERSAMPLING)
        self._x_ticks = round_ticks(0, max(width for width, _ in points))
        values = [value for _, value in points]
        lack = max(0.0, _LEAST_SPAN - (max(values) - min(values))) / 2
        # A percentage does not leave 0 to 100.
        low, high = max(0.0, min(values) - lack), min(100.0, max(values) + lack)
        self._y_ticks = round_ticks(low, high)

    def axes(self, x_title: str, y_title: str) -> None:
        """Draws the grid with its numbers and what they are."""
        left, bottom = self._place((self._x_ticks[0], self._y_ticks[0]))
        right, top = self._place((self._x_ticks[-1], self._y_ticks[-1]))
        for value in self._y_ticks:
            _, y = self._place((0, value))
            self._rule((left, y, right, y), _GRID_COLOR)
            self._write(f"{value:g}", (left - 10, y), anchor="rm")
        for width in self._x_ticks:
            x, _ = self._place((width, 0))
            self._rule((x, top, x, bottom), _GRID_COLOR)
            self._write(f"{width:g}", (x, bottom + 8), anchor="mt")
        self._rule((left, top, left, bottom), _INK_COLOR)
        self._rule((left, bottom, right, bottom), _INK_COLOR)
        self._write(x_title, ((left + right) / 2, bottom + 32), anchor="mt")
        self._write_upwards(y_title, (22, (top + bottom) / 2))

    def line(self, points: Sequence[Point], number: int) -> None:
        """Joins and marks points (width, percentage) in the style of a number."""
        places = [self._place(point) for point in points]
        scaled = [(x * _OVERSAMPLING, y * _OVERSAMPLING) for x, y in places]
        color = _COLORS[number % len(_COLORS)]
        self._draw.line(scaled, fill=color, width=2 * _OVERSAMPLING, joint="curve")
        for place in places:
            self._mark(place, number)

    def legend(self, lines: Sequence[Sequence[tuple[int, str]]]) -> None:
        """Writes (number of a line, name) below the plot, in several lines."""
        y = _PLOT_HEIGHT + _LEGEND_LINE / 2 - 6.0
        for entries in lines:
            x = float(_LEFT)
            for number, name in entries:
                color = _COLORS[number % len(_COLORS)]
                self._rule((x, y, x + 28, y), color, width=2)
                self._mark((x + 14, y), number)
                self._write(name, (x + 38, y), anchor="lm")
                x += _entry_width(name)
            y += _LEGEND_LINE

    def picture(self) -> np.ndarray:
        """Returns the plot in its final size."""
        size = (_WIDTH, self._height)
        return np.asarray(self._image.resize(size, Image.Resampling.LANCZOS))

    def _place(self, point: Point) -> Point:
        (x_low, x_high), (y_low, y_high) = (
            (ticks[0], ticks[-1]) for ticks in (self._x_ticks, self._y_ticks)
        )
        x = (point[0] - x_low) / (x_high - x_low)
        y = (point[1] - y_low) / (y_high - y_low)
        bottom = _PLOT_HEIGHT - _BOTTOM
        return _LEFT + x * (_WIDTH - _LEFT - _RIGHT), bottom - y * (bottom - _TOP)

    def _rule(self, box: tuple, color: tuple, *, width: int = 1) -> None:
        scaled = [value * _OVERSAMPLING for value in box]
        self._draw.line(scaled, fill=color, width=width * _OVERSAMPLING)

    def _mark(self, place: Point, number: int) -> None:
        color = _COLORS[number % len(_COLORS)]
        x, y = (value * _OVERSAMPLING for value in place)
        r = 4.5 * _OVERSAMPLING
        marker = _MARKERS[number % len(_MARKERS)]
        if marker == "circle":
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill=color)
            return
        corners = {
            "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
            "triangle": ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
            "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
        }[marker]
        self._draw.polygon([(x + r * a, y + r * b) for a, b in corners], fill=color)

    def _write(self, text: str, place: Point, *, anchor: str) -> None:
        scaled = (place[0] * _OVERSAMPLING, place[1] * _OVERSAMPLING)
        self._draw.text(scaled, text, fill=_INK_COLOR, font=self._font, anchor=anchor)

    def _write_upwards(self, text: str, center: Point) -> None:
        box = self._font.getbbox(text)
        strip = Image.new("RGB", (math.ceil(box[2]), math.ceil(box[3])), _PAPER_COLOR)
        ImageDraw.Draw(strip).text((0, 0), text, fill=_INK_COLOR, font=self._font)
        strip = strip.rotate(90, expand=True)
        x, y = (round(value * _OVERSAMPLING) for value in center)
        self._image.paste(strip, (x - strip.width // 2, y - strip.height // 2))


def round_ticks(low: float, high: float) -> list[float]:
    """Returns round numbers at equal steps, from at most `low` to at least `high`.

    Args:
        low: the least number to hold.
        high: the largest.
    """
    rough = max(high - low, 1e-6) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * i, 9) for i in range(first, max(last, first + 1) + 1)]


def _entry_width(name: str) -> float:
    font: Any = ImageFont.load_default(size=_FONT_SIZE)
    return 38 + font.getlength(name) + 28


def _break_legend(names: Sequence[str]) -> list[list[tuple[int, str]]]:
    """Numbers names and puts them into lines no wider than the plot, if possible."""
    lines: list[list[tuple[int, str]]] = [[]]
    used = 0.0
    for entry in enumerate(names):
        needed = _entry_width(entry[1])
        if lines[-1] and used + needed > _WIDTH - _LEFT:
            lines.append([])
            used = 0.0
        lines[-1].append(entry)
        used += needed
    return lines
