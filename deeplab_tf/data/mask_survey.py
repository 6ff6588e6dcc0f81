# Licensed under the Apache License, Version 2.0.
"""What the masks of a folder hold, all together, before anything is decided."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from typing import Any

import numpy as np

from deeplab_tf.data.catalog.dataset_info import Color
from deeplab_tf.data.mask_files import Mask, read_mask

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)
MAX_LISTED_PROBLEMS = 20
# Of a mask with more, as a photo that is none, the most frequent.
_MAX_VALUES = 256
_COUNTED = ("greys", "indices", "colors", "palette_colors")
_KINDS = ("grey", "grey_rgb", "lossy", "scaled", "uniform")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Count:
    """How often something occurs.

    Attributes:
        pixels: in all masks.
        masks: in which it occurs.
        first: the first of these.
    """

    pixels: int
    masks: int
    first: pathlib.Path

    def __add__(self, other: "Count") -> "Count":
        return Count(
            pixels=self.pixels + other.pixels,
            masks=self.masks + other.masks,
            first=self.first,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskSurvey:
    """What masks hold.

    Attributes:
        num_masks: how many there are.
        greys: grey values, also of grey in RGB.
        indices: palette indices.
        colors: RGB colours of masks that are not grey.
        palette_colors: colours of the palette indices that occur.
        palette: that of the first palette mask; None: there is none.
        grey: masks with one channel and no palette.
        grey_rgb: masks that store grey in three channels.
        lossy: JPEG masks.
        scaled: masks of 16 bits with value x 257.
        uniform: masks with one value or colour alone.
        size: (height, width), if all have the same.
    """

    num_masks: int
    greys: Mapping[int, Count]
    indices: Mapping[int, Count]
    colors: Mapping[Color, Count]
    palette_colors: Mapping[Color, Count]
    palette: tuple[Color, ...] | None
    grey: tuple[pathlib.Path, ...]
    grey_rgb: tuple[pathlib.Path, ...]
    lossy: tuple[pathlib.Path, ...]
    scaled: tuple[pathlib.Path, ...]
    uniform: tuple[pathlib.Path, ...]
    size: tuple[int, int] | None

    @property
    def numbers(self) -> dict[int, Count]:
        """Grey values and palette indices: what would be class ids."""
        merged = dict(self.greys)
        for value, count in self.indices.items():
            merged[value] = merged[value] + count if value in merged else count
        return dict(sorted(merged.items()))

    @property
    def all_colors(self) -> dict[Color, Count]:
        """All that occurs as RGB: grey is (v, v, v), an index its palette's colour."""
        greys = {(value, value, value): n for value, n in self.greys.items()}
        return greys | dict(self.palette_colors) | dict(self.colors)

    @property
    def brightest(self) -> int:
        """The largest value of any channel."""
        return max((max(color) for color in self.all_colors), default=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Facts:
    """What one mask holds: pixels of each number and colour, and how it is stored."""

    path: pathlib.Path
    size: tuple[int, int]
    counts: Mapping[str, Mapping[Any, int]]
    kinds: frozenset[str]
    palette: tuple[Color, ...] | None


def survey_masks(
    paths: Sequence[pathlib.Path], *, progress: Callable[[int], None] | None = None
) -> MaskSurvey:
    """Reads all masks and counts what they hold.

    Args:
        paths: the files.
        progress: is told how many are done.

    Raises:
        ValueError: masks cannot be read; all are named, up to `MAX_LISTED_PROBLEMS`.
    """
    totals: dict[str, dict[Any, Count]] = {name: {} for name in _COUNTED}
    kinds: dict[str, list[pathlib.Path]] = {name: [] for name in _KINDS}
    sizes, problems, palette = set(), [], None
    with futures.ThreadPoolExecutor(os.cpu_count()) as executor:
        for done, facts in enumerate(executor.map(_facts, paths), start=1):
            if progress is not None:
                progress(done)
            if isinstance(facts, str):
                problems.append(facts)
                continue
            _add(facts, totals)
            for kind in facts.kinds:
                kinds[kind].append(facts.path)
            sizes.add(facts.size)
            palette = palette or facts.palette
    if problems:
        raise ValueError(_describe(problems, total=len(paths)))
    return MaskSurvey(
        num_masks=len(paths),
        greys=dict(sorted(totals["greys"].items())),
        indices=dict(sorted(totals["indices"].items())),
        colors=dict(sorted(totals["colors"].items())),
        palette_colors=dict(sorted(totals["palette_colors"].items())),
        palette=palette,
        grey=tuple(kinds["grey"]),
        grey_rgb=tuple(kinds["grey_rgb"]),
        lossy=tuple(kinds["lossy"]),
        scaled=tuple(kinds["scaled"]),
        uniform=tuple(kinds["uniform"]),
        size=sizes.pop() if len(sizes) == 1 else None,
    )


def unscaled(mask: Mask) -> np.ndarray:
    """Returns the pixels of a mask; 16-bit values x 257 as their 8-bit values."""
    return mask.pixels // 257 if mask.is_scaled else mask.pixels


def is_grey(pixels: np.ndarray) -> bool:
    """Returns whether the channels of RGB pixels are equal everywhere."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    return bool(np.array_equal(red, green) and np.array_equal(red, blue))


def pack_colors(pixels: np.ndarray) -> np.ndarray:
    """Returns [H, W, 3] colours as [H, W] numbers 0xrrggbb."""
    red, green, blue = np.moveaxis(pixels.astype(np.int32), -1, 0)
    return (red << 16) | (green << 8) | blue


def unpack_color(number: int) -> Color:
    """Returns the colour of 0xrrggbb."""
    number = int(number)
    return (number >> 16, (number >> 8) & 255, number & 255)


def _facts(path: pathlib.Path) -> _Facts | str:
    """Returns what a mask holds, or what is wrong with it."""
    try:
        mask = read_mask(path)
    except OSError as error:
        return f"{path}: {error.strerror}."
    except ValueError as error:
        return str(error)
    pixels = unscaled(mask)
    grey_rgb = mask.has_colors and is_grey(pixels)
    numbers: dict[int, int] = {}
    colors: dict[Color, int] = {}
    palette_colors: dict[Color, int] = {}
    if mask.has_colors and not grey_rgb:
        colors = {unpack_color(n): p for n, p in _count(pack_colors(pixels)).items()}
    else:
        numbers = _count(pixels[:, :, 0] if grey_rgb else pixels)
    for number, count in numbers.items() if mask.palette else ():
        color = palette_color(mask.palette, number)
        palette_colors[color] = palette_colors.get(color, 0) + count
    facts = {
        "grey": not (mask.has_colors or mask.palette),
        "grey_rgb": grey_rgb,
        "lossy": mask.is_lossy,
        "scaled": mask.is_scaled,
        "uniform": len(numbers) + len(colors) == 1,
    }
    return _Facts(
        path=path,
        size=(pixels.shape[0], pixels.shape[1]),
        counts={
            "greys": {} if mask.palette else numbers,
            "indices": numbers if mask.palette else {},
            "colors": colors,
            "palette_colors": palette_colors,
        },
        kinds=frozenset(kind for kind, holds in facts.items() if holds),
        palette=mask.palette,
    )


def palette_color(palette: Sequence[Color] | None, number: int) -> Color:
    """Returns the colour of an index, black where the palette is too short."""
    return palette[number] if palette and number < len(palette) else BLACK


def _count(values: np.ndarray) -> dict[int, int]:
    """Returns the pixels of the most frequent values."""
    found, counts = np.unique(values, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:_MAX_VALUES]
    return {int(found[i]): int(counts[i]) for i in sorted(kept)}


def _add(facts: _Facts, totals: dict[str, dict[Any, Count]]) -> None:
    """Adds what a mask holds to what all hold."""
    for name, counts in facts.counts.items():
        for value, pixels in counts.items():
            count = Count(pixels=pixels, masks=1, first=facts.path)
            known = totals[name].get(value)
            totals[name][value] = count if known is None else known + count


def _describe(problems: Sequence[str], *, total: int) -> str:
    """Returns the message for masks that cannot be read."""
    listed = [f"  {problem}" for problem in problems[:MAX_LISTED_PROBLEMS]]
    if len(problems) > MAX_LISTED_PROBLEMS:
        listed.append(f"  and {len(problems) - MAX_LISTED_PROBLEMS} more.")
    return "\n".join([f"{len(problems)} of {total} masks cannot be used:", *listed])
