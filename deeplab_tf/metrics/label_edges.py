# Licensed under the Apache License, Version 2.0.
"""Which pixels of a label map lie near another label.

Distances are chessboard distances: within `distance` pixels means inside the square of
2 * distance + 1 pixels around, as in the code of the metrics that are built on this. A
square is a row and a column in turn, so that a distance of 30 takes ten operations.
"""

import numpy as np


def near_other_label(labels: np.ndarray, *, distance: int) -> np.ndarray:
    """Returns which pixels have another label within a distance.

    Both sides of an edge count. What lies outside of the map is no label.

    Args:
        labels: [..., H, W] integers.
        distance: in pixels, at least 1.

    Returns:
        [..., H, W] bool.
    """
    # A neighbour of another label lies one step beyond a pixel of one's own.
    return dilate(_touches_other_label(labels), radius=distance - 1)


def near_border(height: int, width: int, *, distance: int) -> np.ndarray:
    """Returns which pixels of a map have its outside within a distance: [H, W] bool."""
    rows = np.arange(height)[:, np.newaxis]
    columns = np.arange(width)
    row_depth = np.minimum(rows, height - 1 - rows)
    return np.minimum(row_depth, np.minimum(columns, width - 1 - columns)) < distance


def dilate(mask: np.ndarray, *, radius: int) -> np.ndarray:
    """Returns which pixels have a pixel of a mask within a radius.

    Args:
        mask: [..., H, W] bool.
        radius: in pixels; 0 gives the mask.

    Returns:
        [..., H, W] bool.
    """
    for axis in (-2, -1):
        mask = np.moveaxis(_dilate_rows(np.moveaxis(mask, axis, 0), radius), 0, axis)
    return mask


def _dilate_rows(mask: np.ndarray, radius: int) -> np.ndarray:
    """Dilates along the first axis; the window doubles with each step."""
    radius = min(radius, max(len(mask) - 1, 0))
    mask = np.pad(mask, [(radius, radius)] + [(0, 0)] * (mask.ndim - 1))
    window = 1
    while window < 2 * radius + 1:
        step = min(window, 2 * radius + 1 - window)
        mask = mask[:-step] | mask[step:]
        window += step
    return mask


def _touches_other_label(labels: np.ndarray) -> np.ndarray:
    """Returns which pixels have another label among their eight neighbours."""
    touches = np.zeros(labels.shape, bool)
    head, tail, everything = slice(None, -1), slice(1, None), slice(None)
    for here, there in (
        ((head, everything), (tail, everything)),
        ((everything, head), (everything, tail)),
        ((head, head), (tail, tail)),
        ((head, tail), (tail, head)),
    ):
        differs = labels[(..., *here)] != labels[(..., *there)]
        touches[(..., *here)] |= differs
        touches[(..., *there)] |= differs
    return touches
