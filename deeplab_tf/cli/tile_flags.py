# Licensed under the Apache License, Version 2.0.
"""Whether an image is predicted whole or in tiles, and in which."""

import functools
import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import flags as absl_flags

from deeplab_tf.cli.any_network import AnyNetwork

log = logging.getLogger(__name__)

FLAGS = absl_flags.FLAGS

# Twice as many as an image of Cityscapes has, which networks see whole.
_MAX_PIXELS = 2048 * 2048
_OVERLAP_FRACTION = 0.25


def define() -> None:
    """Defines the flags of tiles."""
    absl_flags.DEFINE_list(
        "tile_size",
        None,
        "Height and width of tiles, or one number for both: larger images are "
        "predicted in them. 0: never. Not given: the crop of the network, for images "
        "over --max_pixels.",
    )
    absl_flags.DEFINE_float(
        "tile_overlap",
        _OVERLAP_FRACTION,
        "How far neighbouring tiles overlap at least: a fraction of a tile under 1, or "
        "pixels.",
    )
    absl_flags.DEFINE_integer(
        "max_pixels",
        _MAX_PIXELS,
        "Without --tile_size, images of more pixels are predicted in tiles.",
    )


def image_function(
    network: AnyNetwork, *, progress: Callable[[int, int], None] | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from an image to its labels, in tiles where it must be.

    Args:
        network: with its predictors.
        progress: called after each tile with the number of those done and of all.

    Raises:
        ValueError: the flags of tiles do not fit together or to the network.
    """
    tile, limit = _tile_size(network), FLAGS.max_pixels
    overlap = _overlap(tile or network.crop_size)
    whole = _finished(network.whole, network)

    @functools.cache
    def tiled() -> Any:
        from deeplab_tf.inference.sliding_window import GRID, sliding_window

        size = tile or _on_grid(network.crop_size, network)
        log.info("In tiles of %d x %d pixels that overlap by %d x %d.", *size, *overlap)
        window = sliding_window(
            network.open_tiles(),
            tile_size=size,
            overlap=overlap,
            padding_pixel=network.padding_pixel,
            grid=network.output_stride or GRID,
            blend=network.blend,
            with_probabilities=network.crf is not None,
            progress=progress,
        )
        return _finished(window, network)

    def predict(image: np.ndarray) -> np.ndarray:
        height, width = _resized_size(image.shape[:2], network)
        if tile is None:
            in_tiles = height * width > limit and _may_be_cut(network)
        else:
            in_tiles = tile != (0, 0) and (height > tile[0] or width > tile[1])
        run = tiled() if in_tiles else whole
        return np.asarray(run(image)["labels"])

    return predict


def _tile_size(network: AnyNetwork) -> tuple[int, int] | None:
    """Returns --tile_size: (0, 0) for none, None where it is not given."""
    text = FLAGS.tile_size
    if text is None:
        return None
    try:
        sizes = tuple(int(part) for part in text)
    except ValueError:
        sizes = (-1,)
    if sizes in ((0,), (0, 0)):
        return 0, 0
    if len(sizes) not in (1, 2) or min(sizes) < 1:
        raise ValueError(
            "--tile_size must be a height and a width, as in 513,513, one number for "
            f"both, or 0 for none; got {','.join(text)!r}."
        )
    if network.resizes:
        raise ValueError(
            "--tile_size has no use here: the exported network resizes every image "
            "before it looks at it, so that tiles would be resized too. Leave it out."
        )
    size = _on_grid((sizes[0], sizes[-1]), network)
    fixed = network.fixed_size
    if fixed and (size[0] > fixed[0] or size[1] > fixed[1]):
        raise ValueError(
            f"--tile_size={','.join(text)} is larger than the images that the file "
            f"takes: give {fixed[0]},{fixed[1]}."
        )
    return size


def _on_grid(size: tuple[int, int], network: AnyNetwork) -> tuple[int, int]:
    """Returns a size whose sides are a multiple of the output stride plus one."""
    stride = network.output_stride
    if stride is None or network.fixed_size:
        return size
    height, width = (math.ceil((side - 1) / stride) * stride + 1 for side in size)
    if (height, width) != size:
        log.info(
            "Tiles have %d x %d pixels in place of %d x %d: multiples of the output "
            "stride plus one.",
            *(height, width, *size),
        )
    return height, width


def _overlap(tile: tuple[int, int]) -> tuple[int, int]:
    """Returns --tile_overlap in pixels."""
    overlap = FLAGS.tile_overlap
    if overlap < 0 or (overlap >= 1 and overlap != int(overlap)):
        raise ValueError(
            "--tile_overlap must be a fraction of the tile under 1, or a number of "
            f"pixels; got {overlap:g}."
        )
    if overlap >= 1:
        return int(overlap), int(overlap)
    vertical, horizontal = (round(overlap * side) for side in tile)
    return vertical, horizontal


def _may_be_cut(network: AnyNetwork) -> bool:
    """Returns whether larger images are cut without being asked to."""
    return network.fixed_size is None and not network.resizes


def _finished(predict: Any, network: AnyNetwork) -> Any:
    """Returns a predictor of labels alone: resized before all, refined after all."""
    if network.crf is None:
        return _resized(predict.select(["labels"]), network)

    from deeplab_tf.inference.dense_crf import dense_crf

    resized = _resized(predict.select(["probabilities"]), network)
    return dense_crf(resized, network.crf).select(["labels"])


def _resized(predict: Any, network: AnyNetwork) -> Any:
    """Returns a predictor of images that are resized first, if they are."""
    from deeplab_tf.inference.fit_to_crop import fit_to_crop

    size = network.image_size
    if size.min_resize_value is None:
        return predict
    return fit_to_crop(
        predict,
        crop_size=(1, 1),
        padding_pixel=network.padding_pixel,
        pad_to_crop=False,
        min_resize_value=size.min_resize_value,
        max_resize_value=size.max_resize_value,
        resize_factor=size.resize_factor,
        keep_aspect_ratio=size.keep_aspect_ratio,
    )


def _resized_size(size: tuple[int, ...], network: AnyNetwork) -> tuple[int, int]:
    """Returns the (height, width) at which an image reaches the network."""
    from deeplab_tf.inference.fit_to_crop import resize_to_range_size

    height, width = size
    wanted = network.image_size
    if wanted.min_resize_value is None:
        return height, width
    return resize_to_range_size(
        height,
        width,
        min_size=wanted.min_resize_value,
        max_size=wanted.max_resize_value,
        factor=wanted.resize_factor,
        keep_aspect_ratio=wanted.keep_aspect_ratio,
    )
