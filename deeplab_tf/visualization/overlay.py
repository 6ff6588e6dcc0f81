# Licensed under the Apache License, Version 2.0.
"""Pictures of predictions: labels over the image, errors, panels with a legend."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deeplab_tf.visualization import palettes

Legend = Sequence[tuple[str, Sequence[int]]]

# Blue and orange: told apart by colour-blind readers too.
RIGHT_COLOR = (31, 73, 125)
WRONG_COLOR = (255, 153, 0)
NOT_COUNTED_COLOR = (200, 200, 200)
ERROR_LEGEND: Legend = (
    ("right", RIGHT_COLOR),
    ("wrong", WRONG_COLOR),
    ("ignored", NOT_COUNTED_COLOR),
)

_MARGIN = 8
_FONT_SIZE = 14
_LINE_HEIGHT = 22
_CHIP_SIZE = 14
_PAPER_COLOR = (255, 255, 255)
_INK_COLOR = (20, 20, 20)
# Smaller pictures are enlarged by a whole factor, so that titles fit above them.
_MIN_COLUMN_WIDTH = 192
# Pixels that are mixed at a time.
_BAND_PIXELS = 1 << 20


def overlay(
    image: Any,
    labels: Any,
    palette: Any,
    *,
    alpha: float = 0.6,
    ignore_label: int | None = None,
) -> np.ndarray:
    """Lays the colours of labels over an image.

    Args:
        image: [H, W, 3] RGB in 0..255.
        labels: [H, W] integers.
        palette: [num_colors, 3] RGB in 0..255.
        alpha: share of the colour in the mixture, 0 to 1.
        ignore_label: pixels of this id show the image alone.

    Returns:
        [H, W, 3] uint8.
    """
    image, labels = to_uint8(image), np.asarray(labels)
    _check_same_size(image, labels)
    result = np.empty_like(image)
    # Some rows at a time: the mixture takes many times the memory of the image.
    rows = max(1, _BAND_PIXELS // max(1, image.shape[1]))
    for top in range(0, len(image), rows):
        band = slice(top, top + rows)
        colors = palettes.color_labels(labels[band], palette, ignore_label=ignore_label)
        mixture = np.rint((1.0 - alpha) * image[band] + alpha * colors)
        if ignore_label is not None:
            is_ignored = (labels[band] == ignore_label)[..., None]
            mixture = np.where(is_ignored, image[band], mixture)
        result[band] = mixture
    return result


def error_map(labels: Any, predictions: Any, *, ignore_label: int) -> np.ndarray:
    """Shows where a prediction is right, wrong and not counted.

    Args:
        labels: [H, W] integers, the truth.
        predictions: [H, W] integers.
        ignore_label: label of the pixels that do not count.

    Returns:
        [H, W, 3] uint8 in the colours of ERROR_LEGEND.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    _check_same_size(labels, predictions)
    kinds = np.where(labels == predictions, 0, 1)
    kinds[labels == ignore_label] = 2
    return palettes.color_labels(kinds, [color for _, color in ERROR_LEGEND])


def class_legend(
    label_maps: Sequence[Any], *, class_names: Sequence[str], palette: Any
) -> Legend:
    """Returns name and colour of the classes that occur in label maps.

    Args:
        label_maps: arrays of integers.
        class_names: name of each class; ids beyond them are left out.
        palette: [num_colors, 3] RGB in 0..255.
    """
    present = np.unique(np.concatenate([np.ravel(labels) for labels in label_maps]))
    return tuple(
        (class_names[class_id], tuple(int(value) for value in palette[class_id]))
        for class_id in present.tolist()
        if 0 <= class_id < len(class_names)
    )


def panel(
    columns: Sequence[Any],
    titles: Sequence[str],
    *,
    legend: Legend = (),
) -> np.ndarray:
    """Puts pictures side by side under titles, above a legend.

    Args:
        columns: for each column an [H, W, 3] picture in 0..255, or a list of them,
            one for each row. Their sizes may differ.
        titles: one for each column.
        legend: names and RGB colours.

    Returns:
        [height, width, 3] uint8.
    """
    stacks = [list(column) if _is_stack(column) else [column] for column in columns]
    if len(stacks) != len(titles) or len({len(stack) for stack in stacks}) != 1:
        raise ValueError(
            f"A panel needs a title for each column and columns of equal length, got "
            f"{len(titles)} titles and columns of "
            f"{[len(stack) for stack in stacks]} pictures."
        )
    stacks = [[_enlarge(to_uint8(picture)) for picture in stack] for stack in stacks]
    widths = [max(picture.shape[1] for picture in stack) for stack in stacks]
    heights = [max(row.shape[0] for row in rows) for rows in zip(*stacks, strict=True)]
    width = sum(widths) + _MARGIN * (len(widths) + 1)
    lines = _break_legend(legend, width - 2 * _MARGIN)
    pictures_end = _LINE_HEIGHT + _MARGIN + sum(heights) + _MARGIN * len(heights)
    height = pictures_end + _LINE_HEIGHT * len(lines) + (_MARGIN if lines else 0)

    canvas = Image.new("RGB", (width, height), _PAPER_COLOR)
    left = _MARGIN
    for title, stack, column_width in zip(titles, stacks, widths, strict=True):
        _draw_title(canvas, title, left=left, width=column_width)
        top = _LINE_HEIGHT + _MARGIN
        for picture, row_height in zip(stack, heights, strict=True):
            canvas.paste(Image.fromarray(picture), (left, top))
            top += row_height + _MARGIN
        left += column_width + _MARGIN
    for number, line in enumerate(lines):
        _draw_legend_line(canvas, line, top=pictures_end + number * _LINE_HEIGHT)
    return np.array(canvas)


def save_picture(picture: Any, path: str | os.PathLike[str]) -> None:
    """Writes an RGB picture as PNG, or in the format of the path's suffix.

    Args:
        picture: [H, W, 3] in 0..255.
        path: of the file; its folder is made if it does not exist.
    """
    _save(Image.fromarray(to_uint8(picture)), path)


def save_labels(
    labels: Any, path: str | os.PathLike[str], *, palette: Any = None
) -> None:
    """Writes class ids as the pixel values of a PNG, of 16 bits above 255.

    Args:
        labels: [H, W] integers, 0 to 65535.
        path: of the file; its folder is made if it does not exist.
        palette: [num_colors, 3] RGB in 0..255, in which viewers show the ids of up to
            255; None: grey values. Readers that take palettes for colours, such as
            TensorFlow's, give those in place of ids.
    """
    labels = np.asarray(labels)
    if labels.size and not 0 <= labels.min() <= labels.max() <= 65535:
        raise ValueError(
            f"A PNG holds labels of 0 to 65535, got {labels.min()} to {labels.max()}."
        )
    needs_16_bits = labels.size and labels.max() > 255
    grey_type = np.uint16 if needs_16_bits else np.uint8
    picture = Image.fromarray(labels.astype(grey_type))
    if palette is not None and not needs_16_bits:
        colors = np.asarray(palette, np.uint8)[:256]
        picture.putpalette(colors.ravel().tolist())
    _save(picture, path)


def to_uint8(image: Any) -> np.ndarray:
    """Returns an image in 0..255 of any number type as uint8, rounded and clipped.

    Args:
        image: [H, W, 3].
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(f"A picture must be [height, width, 3], got {image.shape}.")
    if image.dtype == np.uint8:
        return image
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def _save(image: Image.Image, path: str | os.PathLike[str]) -> None:
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _check_same_size(first: np.ndarray, second: np.ndarray) -> None:
    if first.shape[:2] != second.shape[:2]:
        raise ValueError(
            f"Both must have the same height and width, got {first.shape[:2]} and "
            f"{second.shape[:2]}."
        )


def _is_stack(column: Any) -> bool:
    return isinstance(column, list | tuple) or np.ndim(column) == 4


def _enlarge(picture: np.ndarray) -> np.ndarray:
    """Repeats the pixels of a small picture a whole number of times."""
    factor = -(-_MIN_COLUMN_WIDTH // picture.shape[1])
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def _font() -> Any:
    return ImageFont.load_default(size=_FONT_SIZE)


def _draw_title(canvas: Image.Image, title: str, *, left: int, width: int) -> None:
    """Writes a title over a column, cut where the column ends."""
    strip = Image.new("RGB", (width, _LINE_HEIGHT), _PAPER_COLOR)
    ImageDraw.Draw(strip).text((0, 2), title, fill=_INK_COLOR, font=_font())
    canvas.paste(strip, (left, _MARGIN // 2))


def _entry_width(name: str) -> int:
    """Returns the pixels that a legend's entry takes, its gap to the next included."""
    return _CHIP_SIZE + 6 + round(_font().getlength(name)) + 2 * _MARGIN


def _break_legend(legend: Legend, width: int) -> list[Legend]:
    """Splits a legend into lines that are no wider than `width`, where possible."""
    lines: list[list[tuple[str, Sequence[int]]]] = []
    used = width
    for name, color in legend:
        needed = _entry_width(name)
        if used + needed > width:
            lines.append([])
            used = 0
        lines[-1].append((name, color))
        used += needed
    return list(lines)


def _draw_legend_line(canvas: Image.Image, line: Legend, *, top: int) -> None:
    draw = ImageDraw.Draw(canvas)
    left = _MARGIN
    for name, color in line:
        box = (left, top + 3, left + _CHIP_SIZE, top + 3 + _CHIP_SIZE)
        draw.rectangle(box, fill=tuple(color), outline=_INK_COLOR)
        place = (left + _CHIP_SIZE + 6, top + 1)
        draw.text(place, name, fill=_INK_COLOR, font=_font())
        left += _entry_width(name)
