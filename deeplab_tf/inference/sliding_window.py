# Licensed under the Apache License, Version 2.0.
"""Prediction of images of any size in overlapping tiles, with bounded memory."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplab_tf.inference.predictor import Predictor, host_predictor
from deeplab_tf.structures import Outputs

# Tiles begin at multiples of it. Networks of output stride 8, 16 and 32 sample a tile
# there at the same pixels as the whole image.
GRID = 32
# The part of an overlap, at either end, that belongs to the other tile alone.
_MARGIN_FRACTION = 0.25


def sliding_window(
    predict: Predictor,
    *,
    tile_size: tuple[int, int],
    overlap: int | tuple[int, int],
    padding_pixel: Sequence[float],
    grid: int = GRID,
    blend: bool = True,
    with_probabilities: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Predictor:
    """Predicts an image tile by tile and blends the probabilities of the tiles.

    Besides image and labels, memory holds what the network needs for one tile, and
    probabilities of `overlap` rows of the image; never those of the whole image.

    In an overlap the weight of a tile falls smoothly from one to zero, and is zero in
    the outer quarter of it. So the result is that of the whole image, at all pixels,
    if the receptive field of the network reaches no further than a quarter of the
    overlap; and otherwise at those pixels which are further than it from the borders
    of all tiles. Three conditions: sides of the tiles are a multiple of the network's
    output stride plus one; so are those of the image, since other networks pad an
    image at other pixels; and nothing in the network looks at the image as a whole.
    Image pooling does: tiles have means of their own. Where `predict` is a
    `multi_scale`, the conditions hold at every scale: `grid` and all sides less one,
    times each scale, are to be multiples of the output stride (64 at stride 16 with
    scales in steps of a quarter), and the receptive field is that of the smallest one.

    Args:
        predict: predictor of the tiles, padding to the crop included. Whatever resizes
            images is to be put around the result, not inside.
        tile_size: (height, width) of a tile. An image that is smaller along a side is
            not cut along it.
        overlap: of neighbouring tiles in pixels, or (vertical, horizontal). It is the
            least one: tiles begin at multiples of `grid`, and the last ones end with
            the image, moved back as far as needed.
        padding_pixel: RGB in 0..255 of the fewer than `grid` rows and columns that
            bring the image to the end of its last tile.
        grid: tiles begin at multiples of it: a multiple of the output stride.
        blend: whether `predict` gives probabilities, which are blended. Of a
            predictor of labels alone, each pixel takes that of the tile in which it
            lies deepest.
        with_probabilities: whether the blended probabilities are returned too. They
            take memory for all pixels.
        progress: called after each tile with the number of those done and of all, for
            each image of a batch.

    Returns:
        A predictor of `labels` and, if asked for, `probabilities`, as arrays.

    Raises:
        ValueError: tiles of this size cannot have that overlap.
    """
    overlaps = (overlap, overlap) if isinstance(overlap, int) else overlap
    for tile, pixels in zip(tile_size, overlaps, strict=True):
        _check_tile(tile, overlap=pixels, grid=grid)
    if with_probabilities and not blend:
        raise ValueError("There are probabilities only where they are blended.")
    run_tile = predict.select(["probabilities" if blend else "labels"])
    pixel = np.asarray(padding_pixel, np.float32)

    def run(images: np.ndarray) -> Outputs:
        results = []
        for image in images:
            rows, columns = (
                plan_tiles(size, tile=tile, overlap=pixels, grid=grid)
                for size, tile, pixels in zip(
                    image.shape[:2], tile_size, overlaps, strict=True
                )
            )
            tiles = _Tiles(image, rows, columns, pixel, progress)
            if blend:
                results.append(_blend(tiles, run_tile, keep=with_probabilities))
            else:
                results.append((_cut(tiles, run_tile), None))
        outputs = Outputs(labels=_stack([labels for labels, _ in results]))
        if with_probabilities:
            outputs["probabilities"] = _stack([kept for _, kept in results])
        return outputs

    dtypes = {"labels": tf.int32}
    if with_probabilities:
        dtypes["probabilities"] = tf.float32
    return host_predictor(run, dtypes=dtypes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tiling:
    """The tiles along one side of an image.

    Attributes:
        size: of the image along this side.
        tile: size of a tile.
        starts: first pixel of each tile.
        weights: [number of tiles, tile] float32; at each pixel of the image those of
            all tiles add up to one.
    """

    size: int
    tile: int
    starts: tuple[int, ...]
    weights: np.ndarray

    @property
    def next_starts(self) -> tuple[int, ...]:
        """For each tile the first pixel that its successor may still change."""
        return (*self.starts[1:], self.starts[-1] + self.tile)

    @property
    def cuts(self) -> tuple[int, ...]:
        """The middles of the overlaps, between the ends of the image."""
        middles = [
            (start + before + self.tile) // 2
            for before, start in zip(self.starts, self.starts[1:], strict=False)
        ]
        return (0, *middles, self.starts[-1] + self.tile)


def plan_tiles(size: int, *, tile: int, overlap: int, grid: int = GRID) -> Tiling:
    """Returns the tiles along a side of an image.

    Args:
        size: of the image along this side, in pixels.
        tile: size of a tile; an image that is no larger is one tile of its own size.
        overlap: least overlap of neighbours.
        grid: tiles begin at multiples of it.
    """
    if size <= tile:
        return Tiling(
            size=size, tile=size, starts=(0,), weights=np.ones([1, size], np.float32)
        )
    step = (tile - overlap) // grid * grid
    last = -(-(size - tile) // grid) * grid
    starts = (*range(0, last, step), last)
    weights = np.ones([len(starts), tile])
    for i in range(1, len(starts)):
        ramp = _ramp(starts[i - 1] + tile - starts[i])
        weights[i, : len(ramp)] *= ramp
        weights[i - 1, tile - len(ramp) :] *= ramp[::-1]
    total = np.zeros(last + tile)
    for start, values in zip(starts, weights, strict=True):
        total[start : start + tile] += values
    for start, values in zip(starts, weights, strict=True):
        values /= total[start : start + tile]
    return Tiling(
        size=size, tile=tile, starts=starts, weights=weights.astype(np.float32)
    )


def _ramp(overlap: int) -> np.ndarray:
    """Returns [overlap] weights from zero to one; reversed, they complete it to one."""
    margin = int(overlap * _MARGIN_FRACTION)
    places = np.arange(overlap) + 0.5 - margin
    shares = np.clip(places / max(1, overlap - 2 * margin), 0, 1)
    return np.sin(np.pi / 2 * shares) ** 2


def _check_tile(tile: int, *, overlap: int, grid: int) -> None:
    """Raises ValueError if tiles do not get on by a step of the grid."""
    if min(tile, grid) < 1 or overlap < 0:
        raise ValueError(
            f"Tiles and grid must be positive and overlaps not negative, got a tile of "
            f"{tile}, a grid of {grid} and an overlap of {overlap} pixels."
        )
    if tile - overlap < grid:
        raise ValueError(
            f"Tiles of {tile} pixels that overlap by {overlap} leave a step of "
            f"{tile - overlap}, and it must be at least {grid}: take larger tiles or "
            "less overlap."
        )


@dataclasses.dataclass(frozen=True)
class _Tiles:
    """An image with its tiles in both directions."""

    image: np.ndarray
    rows: Tiling
    columns: Tiling
    padding_pixel: np.ndarray
    progress: Callable[[int, int], None] | None

    def read(self, top: int, left: int) -> np.ndarray:
        """Returns a tile as [1, height, width, 3] float32, padded where it ends."""
        shape = (self.rows.tile, self.columns.tile)
        part = self.image[top : top + shape[0], left : left + shape[1]]
        tile = np.empty([1, *shape, 3], np.float32)
        if part.shape[:2] != shape:
            tile[:] = self.padding_pixel
        tile[0, : part.shape[0], : part.shape[1]] = part
        return tile

    def report(self, row: int, column: int) -> None:
        """Tells how far the image is, after a tile."""
        if self.progress is not None:
            across = len(self.columns.starts)
            self.progress(row * across + column + 1, len(self.rows.starts) * across)


def _blend(
    tiles: _Tiles, run_tile: Predictor, *, keep: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the labels [H, W] of blended tiles and, to keep, their probabilities.

    Tiles come row by row. Sums that the next tile in the row may still change are in
    `window`, and those that the next row of tiles may change in `carried`. What is left
    is final.
    """
    rows, columns = tiles.rows, tiles.columns
    labels = np.empty([rows.size, columns.size], np.int32)
    kept = carried = None
    num_carried = 0
    for i, (top, next_top) in enumerate(
        zip(rows.starts, rows.next_starts, strict=True)
    ):
        window: Any = 0.0
        for j, (left, next_left) in enumerate(
            zip(columns.starts, columns.next_starts, strict=True)
        ):
            weights = rows.weights[i][:, None] * columns.weights[j]
            found = np.asarray(run_tile(tiles.read(top, left))["probabilities"])[0]
            window = window + found * weights[..., None]
            if carried is None:
                height, width = _largest_overlap(rows), columns.next_starts[-1]
                carried = np.zeros([height, width, found.shape[-1]], np.float32)
            if keep and kept is None:
                kept = np.empty([*labels.shape, found.shape[-1]], np.float32)
            strip = window[:, : next_left - left]
            strip[:num_carried] += carried[:num_carried, left:next_left]
            final, rest = strip[: next_top - top], strip[next_top - top :]
            carried[: len(rest), left:next_left] = rest
            _write(labels, np.argmax(final, axis=-1), top, left)
            if kept is not None:
                _write(kept, final, top, left)
            window = _shift(window, next_left - left)
            tiles.report(i, j)
        num_carried = rows.tile - (next_top - top)
    return labels, kept


def _largest_overlap(tiling: Tiling) -> int:
    """Returns how many pixels a tile shares at most with its successor."""
    steps = np.diff(tiling.starts)
    return tiling.tile - int(steps.min()) if len(steps) else 0


def _shift(window: np.ndarray, columns: int) -> np.ndarray:
    """Returns sums moved to the left, with zeros at the right."""
    return np.pad(window[:, columns:], [(0, 0), (0, columns), (0, 0)])


def _write(target: np.ndarray, values: np.ndarray, top: int, left: int) -> None:
    """Writes values into an array at a place, without what reaches over its end."""
    place = target[top : top + values.shape[0], left : left + values.shape[1]]
    place[:] = values[: place.shape[0], : place.shape[1]]


def _cut(tiles: _Tiles, run_tile: Predictor) -> np.ndarray:
    """Returns the labels [H, W] of tiles that are cut in the middle of overlaps."""
    rows, columns = tiles.rows, tiles.columns
    labels = np.empty([rows.size, columns.size], np.int32)
    for i, top in enumerate(rows.starts):
        for j, left in enumerate(columns.starts):
            found = np.asarray(run_tile(tiles.read(top, left))["labels"])[0]
            (first, end), (start, stop) = rows.cuts[i : i + 2], columns.cuts[j : j + 2]
            part = found[first - top : end - top, start - left : stop - left]
            _write(labels, part, first, start)
            tiles.report(i, j)
    return labels


def _stack(arrays: list[Any]) -> np.ndarray:
    """Returns arrays with a batch axis in front; of one, without a copy."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)
