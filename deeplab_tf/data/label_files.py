# Licensed under the Apache License, Version 2.0.
"""Reads label files: PNG with one class id per pixel."""

import io
import pathlib

import numpy as np
from PIL import Image

from deeplab_tf.data.image_files import png_bit_depth

# Grey or palette images: one number per pixel.
_MODES = ("1", "L", "P", "I", "I;16", "I;16B")


def read_labels(path: pathlib.Path) -> np.ndarray:
    """Returns the class ids of a PNG file.

    Args:
        path: PNG with raw ids in 1 to 16 bits, or palette PNG, whose indices are the
            ids and whose colours do not matter.

    Returns:
        [H, W] unsigned integers of 8 or 16 bits.

    Raises:
        ValueError: the file holds no ids, or is damaged; the message names it.
    """
    data = path.read_bytes()
    if not data:
        raise ValueError(f"{path} is empty (0 bytes): replace the file.")
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.format != "PNG":
                raise ValueError(
                    f"{path} holds {opened.format}, not PNG: labels need a lossless "
                    "file; make them again from the source, for lossy ids are wrong."
                )
            if opened.mode not in _MODES:
                raise ValueError(
                    f"{path} holds {opened.mode} colours, not class ids: convert it to "
                    "a PNG with one channel of ids or with a palette."
                )
            labels = np.asarray(opened)
            grey = opened.mode != "P"
    except Image.UnidentifiedImageError as error:
        raise ValueError(
            f"{path} is no image file: replace it by a PNG of class ids."
        ) from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{path} cannot be decoded, it is truncated or damaged: replace the file."
        ) from error
    return _unscaled(labels, path=path, bit_depth=png_bit_depth(data), grey=grey)


def _unscaled(
    labels: np.ndarray, *, path: pathlib.Path, bit_depth: int, grey: bool
) -> np.ndarray:
    """Returns the numbers as stored: decoders stretch few bits to the range of 8."""
    if bit_depth == 16:
        labels = labels.astype(np.uint16)
        if labels.max(initial=0) > 255 and not np.any(labels % 257):
            raise ValueError(
                f"{path} is a 16-bit PNG with id x 257 in place of id (largest value "
                f"{labels.max()}): save it with 8 bits."
            )
        return labels
    labels = labels.astype(np.uint8)
    if grey and bit_depth in (2, 4):
        return labels // np.uint8(255 // (2**bit_depth - 1))
    return labels


def encode_labels(labels: np.ndarray) -> bytes:
    """Returns [H, W] ids up to 255 as a PNG with one 8-bit channel."""
    buffer = io.BytesIO()
    Image.fromarray(labels.astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()
