# Licensed under the Apache License, Version 2.0.
"""The curve of a training as a picture: loss and validation over steps."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Row = Mapping[str, float]
Point = tuple[float, float]

_WIDTH, _HEIGHT = 960, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 36, 32
_FONT_SIZE = 14
_PAPER_COLOR = (255, 255, 255)
_INK_COLOR = (20, 20, 20)
_GRID_COLOR = (225, 225, 225)
_FAINT_COLOR = (183, 201, 226)
_LINE_COLOR = (31, 73, 125)
_SCORE_COLOR = (204, 102, 0)
_TICKS = 5
# The smooth line is the mean of so many parts of the run's records.
_SMOOTH_PARTS = 40


def draw_curve(rows: Sequence[Row]) -> np.ndarray:
    """Draws the loss, and below it the mean IoU of the validations, if any.

    Args:
        rows: records with `step` and `loss` or `val_miou`, in the order of the steps.

    Returns:
        [height, 960, 3] uint8; the height is 280 for each of the two.
    """
    losses, scores = _points(rows, "loss"), _points(rows, "val_miou")
    last_step = max((row["step"] for row in rows), default=1)
    charts = []
    if losses or not scores:
        charts.append(_draw_losses(losses, last_step))
    if scores:
        charts.append(_draw_scores(scores, last_step))
    return np.concatenate([np.asarray(chart) for chart in charts])


def curve_png(rows: Sequence[Row]) -> bytes:
    """Returns the picture of `draw_curve` as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(draw_curve(rows)).save(buffer, "PNG")
    return buffer.getvalue()


def _points(rows: Sequence[Row], column: str) -> list[Point]:
    return [
        (row["step"], row[column])
        for row in rows
        if column in row and math.isfinite(row[column])
    ]


def _draw_losses(losses: list[Point], last_step: float) -> Image.Image:
    chart = _Chart(
        "loss: as logged, and its mean (dark)",
        last_step=last_step,
        values=[y for _, y in losses],
    )
    chart.line(losses, color=_FAINT_COLOR, width=1)
    length = max(1, len(losses) // _SMOOTH_PARTS)
    # Each point is the mean of the records around it, fewer at the ends.
    sums = np.cumsum([0.0, *(y for _, y in losses)])
    smooth = []
    for i, (step, _) in enumerate(losses):
        first, end = max(0, i - length), min(i + length + 1, len(losses))
        smooth.append((step, (sums[end] - sums[first]) / (end - first)))
    chart.line(smooth, color=_LINE_COLOR, width=2)
    return chart.image


def _draw_scores(scores: list[Point], last_step: float) -> Image.Image:
    best = max(scores, key=lambda point: point[1])
    title = f"validation mean IoU, best {best[1]:.3f} at step {best[0]:.0f}"
    chart = _Chart(title, last_step=last_step, values=[y for _, y in scores])
    chart.line(scores, color=_SCORE_COLOR, width=2)
    chart.dots(scores, color=_SCORE_COLOR)
    return chart.image


class _Chart:
    """Axes from step 0 and value 0, with lines and dots in them.

    Args:
        title: what the values are.
        last_step: where the horizontal axis ends.
        values: that the vertical axis has to hold.
    """

    def __init__(self, title: str, *, last_step: float, values: Sequence[float]):
        self.image = Image.new("RGB", (_WIDTH, _HEIGHT), _PAPER_COLOR)
        self._draw = ImageDraw.Draw(self.image)
        self._font: Any = ImageFont.load_default(size=_FONT_SIZE)
        self._last_step = max(last_step, 1)
        self._highest = max(max(values, default=1.0), 1e-6)
        self._draw.text((_LEFT, 10), title, fill=_INK_COLOR, font=self._font)
        for value in ticks(self._highest):
            _, y = self._place((0, value))
            self._draw.line((_LEFT, y, _WIDTH - _RIGHT, y), fill=_GRID_COLOR)
            self._write(f"{value:g}", (_LEFT - 8, y), anchor="rm")
        for step in ticks(self._last_step):
            x, bottom = self._place((step, 0))
            self._write(f"{step:g}", (x, bottom + 8), anchor="mt")

    def line(self, points: Sequence[Point], *, color: tuple, width: int) -> None:
        """Joins points (step, value)."""
        self._draw.line([self._place(p) for p in points], fill=color, width=width)

    def dots(self, points: Sequence[Point], *, color: tuple) -> None:
        """Marks points (step, value)."""
        for x, y in map(self._place, points):
            self._draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=color)

    def _place(self, point: Point) -> tuple[float, float]:
        width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        x = _LEFT + width * point[0] / self._last_step
        return x, _HEIGHT - _BOTTOM - height * point[1] / self._highest

    def _write(self, text: str, place: tuple[float, float], *, anchor: str) -> None:
        self._draw.text(place, text, fill=_INK_COLOR, font=self._font, anchor=anchor)


def ticks(highest: float) -> list[float]:
    """Returns round numbers from 0 to at most `highest`, at most six of them."""
    rough = highest / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    return [step * i for i in range(_TICKS + 1) if step * i <= highest * 1.001]
