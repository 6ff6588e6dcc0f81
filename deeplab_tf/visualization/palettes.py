# Licensed under the Apache License, Version 2.0.
"""Colours of class ids: the original's colour maps, and painting with any palette."""

from collections.abc import Sequence
from typing import Any

import numpy as np

# White: it is in none of the original's colour maps.
IGNORE_COLOR = (255, 255, 255)

# The Cityscapes data set's colours of its 19 train ids, in their order.
_CITYSCAPES_COLORS = (
    (128, 64, 128),
    (244, 35, 232),
    (70, 70, 70),
    (102, 102, 156),
    (190, 153, 153),
    (153, 153, 153),
    (250, 170, 30),
    (220, 220, 0),
    (107, 142, 35),
    (152, 251, 152),
    (70, 130, 180),
    (220, 20, 60),
    (255, 0, 0),
    (0, 0, 142),
    (0, 0, 70),
    (0, 60, 100),
    (0, 80, 100),
    (0, 0, 230),
    (119, 11, 32),
)


def pascal_palette() -> np.ndarray:
    """Returns the VOC colour map: [512, 3] uint8.

    Bits 0, 3 and 6 of an id are the highest three bits of its red, the next ones
    those of green and blue.

    Reference: research/deeplab/utils/get_dataset_colormap.py.
    """
    ids = np.arange(512)[:, None]
    channels = np.arange(3)
    colors = np.zeros([512, 3], np.int64)
    for bit in range(3):
        colors |= ((ids >> (3 * bit + channels)) & 1) << (7 - bit)
    return colors.astype(np.uint8)


def cityscapes_palette() -> np.ndarray:
    """Returns the Cityscapes colours of the 19 train ids, black from there on.

    Returns:
        [256, 3] uint8.

    Reference: research/deeplab/utils/get_dataset_colormap.py.
    """
    colors = np.zeros([256, 3], np.uint8)
    colors[: len(_CITYSCAPES_COLORS)] = _CITYSCAPES_COLORS
    return colors


def color_labels(
    labels: Any,
    palette: Any,
    *,
    ignore_label: int | None = None,
    ignore_color: Sequence[int] = IGNORE_COLOR,
) -> np.ndarray:
    """Paints each pixel in the colour of its class.

    Args:
        labels: [..., H, W] integers.
        palette: [num_colors, 3] RGB in 0..255.
        ignore_label: id painted in `ignore_color`; it needs no entry in the palette.
        ignore_color: RGB.

    Returns:
        [..., H, W, 3] uint8.
    """
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"Labels must be integers, got {labels.dtype}.")
    colors = np.asarray(palette, np.uint8)
    is_ignored = np.zeros(labels.shape, bool)
    if ignore_label is not None:
        is_ignored = labels == ignore_label
    ids = np.where(is_ignored, 0, labels)
    if ids.size and (ids.min() < 0 or ids.max() >= len(colors)):
        raise ValueError(
            f"Labels must be less than the palette's {len(colors)} colours and not "
            f"negative, got {ids.min()} to {ids.max()}."
        )
    painted = colors[ids]
    painted[is_ignored] = ignore_color
    return painted
