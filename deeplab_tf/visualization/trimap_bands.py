# Licensed under the Apache License, Version 2.0.
"""Which pixels count in a trimap, as a picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplab_tf.visualization.overlay import Legend, to_uint8

VOID_COLOR = (255, 255, 255)

# From the boundary outwards.
_RAMP = np.array([(165, 0, 38), (244, 109, 67), (254, 224, 144)], float)
# Outside of the bands the image is grey and pale.
_PALENESS = 0.55


def draw_trimap(
    image: Any, bands: Any, *, num_bands: int, is_void: Any = None, alpha: float = 0.7
) -> np.ndarray:
    """Lays the bands of a trimap over an image, the narrowest darkest.

    Args:
        image: [H, W, 3] RGB in 0..255.
        bands: [H, W] of `Trimap.bands`: index of the narrowest band of each pixel,
            `num_bands` where there is none.
        num_bands: number of bands.
        is_void: [H, W] bool, pixels of the ignore label, which become white.
        alpha: share of the colour in the mixture, 0 to 1.

    Returns:
        [H, W, 3] uint8.
    """
    image, bands = to_uint8(image), np.asarray(bands)
    if bands.shape != image.shape[:2]:
        raise ValueError(
            f"Bands must have the size of the image, {image.shape[:2]}, got "
            f"{bands.shape}."
        )
    # On grey, so that the colours of the bands are those of the legend.
    grey = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    picture = _PALENESS * 255 + (1 - _PALENESS) * grey
    is_counted = bands < num_bands
    colors = _band_colors(num_bands)[bands[is_counted]]
    picture[is_counted] = (1 - alpha) * grey[is_counted] + alpha * colors
    if is_void is not None:
        picture[np.asarray(is_void)] = VOID_COLOR
    return to_uint8(picture)


def trimap_legend(widths: Sequence[int]) -> Legend:
    """Returns what each colour of `draw_trimap` means.

    Args:
        widths: of the bands, ascending.
    """
    starts = [0, *widths]
    colors = _band_colors(len(widths)).tolist()
    bands = [
        (f"{start + 1} to {width}" if start + 1 < width else f"{width}", tuple(color))
        for start, width, color in zip(starts, widths, colors, strict=False)
    ]
    return ((f"{bands[0][0]} pixels", bands[0][1]), *bands[1:], ("void", VOID_COLOR))


def _band_colors(num_bands: int) -> np.ndarray:
    """Returns [num_bands, 3] RGB."""
    places = np.linspace(0, len(_RAMP) - 1, num_bands)
    steps = np.arange(len(_RAMP))
    channels = [np.interp(places, steps, channel) for channel in _RAMP.T]
    return np.rint(np.stack(channels, axis=-1)).astype(np.int64)
