# Licensed under the Apache License, Version 2.0.
"""Makes class ids of masks, whatever they hold: ids, black and white, colours."""

import dataclasses
import pathlib

import numpy as np

from deeplab_tf.data.catalog.dataset_info import Color
from deeplab_tf.data.color_table import ColorTable, format_color
from deeplab_tf.data.mask_files import Mask, read_mask
from deeplab_tf.data.mask_survey import (
    is_grey,
    pack_colors,
    palette_color,
    unpack_color,
    unscaled,
)

_MAX_LISTED_COLORS = 5


@dataclasses.dataclass(frozen=True)
class MaskIds:
    """The ids are grey values or palette indices; grey may have three channels."""

    def __call__(self, path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...]]:
        """Returns the ids of a mask and no notes."""
        mask = read_mask(path)
        pixels = unscaled(mask)
        if not mask.has_colors:
            return pixels, ()
        if not is_grey(pixels):
            raise ValueError(
                f"{path} holds {mask.mode} colours, where other masks hold ids: "
                "convert it to a PNG with one channel of ids."
            )
        return pixels[:, :, 0], ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlackAndWhite:
    """Two classes: 0 where a mask is dark, 1 where it is bright.

    Attributes:
        threshold: the smallest value of the brightest channel that is class 1.
    """

    threshold: int

    def __call__(self, path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...]]:
        """Returns the ids of a mask and no notes."""
        mask = read_mask(path)
        pixels = unscaled(mask)
        if mask.palette is not None:
            colors = _palette_array(mask)
            pixels = colors.max(axis=-1)[pixels]
        elif mask.has_colors:
            pixels = pixels.max(axis=-1)
        return (pixels >= self.threshold).astype(np.uint8), ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColorIds:
    """A colour table says which class a colour is; grey is (v, v, v).

    Attributes:
        table: classes and colours.
        ignore_label: id of the colours that the table ignores. It is also that of
            this grey value or palette index, if the table does not say otherwise.
        ignore_unknown: whether colours that are not in the table become the ignore
            label; if not, they are an error.
    """

    table: ColorTable
    ignore_label: int
    ignore_unknown: bool = False

    def __call__(self, path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...]]:
        """Returns the ids of a mask, and in notes which colours were ignored."""
        mask = read_mask(path)
        pixels = unscaled(mask)
        packed = pack_colors(pixels) if mask.has_colors else pixels
        found, places, counts = np.unique(
            packed, return_inverse=True, return_counts=True
        )
        ids = np.zeros(len(found), np.uint8)
        unknown: dict[Color, int] = {}
        for i, number in enumerate(found):
            color, label = self._label(mask, int(number))
            ids[i] = self.ignore_label if label is None else label
            if label is None:
                unknown[color] = unknown.get(color, 0) + int(counts[i])
        notes = self._notes(path, unknown) if unknown else ()
        return ids[places.reshape(packed.shape)], notes

    def _label(self, mask: Mask, number: int) -> tuple[Color, int | None]:
        """Returns the colour and the id of a stored number; unknown: None."""
        if mask.has_colors:
            color = unpack_color(number)
        elif mask.palette is not None:
            color = palette_color(mask.palette, number)
        else:
            color = (number, number, number)
        if color in self.table.ids:
            return color, self.table.ids[color]
        is_ignored = not mask.has_colors and number == self.ignore_label
        if is_ignored or color in self.table.ignored:
            return color, self.ignore_label
        return color, None

    def _notes(self, path: pathlib.Path, unknown: dict[Color, int]) -> tuple[str, ...]:
        """Returns that unknown colours were ignored, or raises ValueError."""
        frequent = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
        listed = [
            f"{format_color(color)} ({pixels} pixels)"
            for color, pixels in frequent[:_MAX_LISTED_COLORS]
        ]
        if len(frequent) > _MAX_LISTED_COLORS:
            listed.append(f"{len(frequent) - _MAX_LISTED_COLORS} more colours")
        text = f"{path} holds {', '.join(listed)}, not in the colour table"
        if self.ignore_unknown:
            return (f"{text}: stored as ignored.",)
        nearest = self._nearest(frequent[0][0])
        raise ValueError(
            f"{text} (nearest to the first is {nearest}): add them to the table or to "
            "--ignore_color, save masks without smoothing, or store these pixels as "
            "ignored with --unknown_label=ignore."
        )

    def _nearest(self, color: Color) -> str:
        """Returns name and colour of the class that looks most like a colour."""
        known = np.array(list(self.table.ids))
        distances = np.square(known - np.array(color)).sum(axis=1)
        red, green, blue = known[int(distances.argmin())].tolist()
        name = self.table.classes[self.table.ids[red, green, blue]]
        return f"{name} {format_color((red, green, blue))}"


def _palette_array(mask: Mask) -> np.ndarray:
    """Returns the colours of all indices, black where the palette ends: [256, 3]."""
    return np.array([palette_color(mask.palette, index) for index in range(256)])
