# Licensed under the Apache License, Version 2.0.
"""Reads image files of any kind and size as RGB pixels, for prediction."""

import contextlib
import io
import os
import pathlib
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps

from deeplab_tf.data.image_files import DAMAGE_ERRORS, MAX_PIXELS

# A large file with more pixels than this for each of its bytes is no photo: a single
# colour takes a byte for 170 pixels as JPEG and for 280 as PNG.
_MAX_PIXELS_OF_A_BYTE = 1000


def read_photo(path: str | os.PathLike[str]) -> np.ndarray:
    """Returns an image file as what one sees: RGB, turned as its EXIF data say.

    Alpha is dropped; of 16 bits the higher 8 are kept; CMYK, grey and palettes become
    RGB; of several frames the first is taken. Pillow decodes JPEG exactly, as viewers
    do. Records are read by TensorFlow's faster decoder, as the original reads them,
    which is off by a few grey levels.

    Args:
        path: the file; its content counts, not the ending of its name. Its size is
            not limited, as long as its bytes can hold as many pixels as it claims.

    Returns:
        [H, W, 3] uint8.

    Raises:
        ValueError: the file is empty, damaged or no image; the message names it.
        OSError: it cannot be read.
    """
    data = pathlib.Path(path).read_bytes()
    if not data:
        raise ValueError(f"{path} is empty (0 bytes).")
    try:
        with _any_size(), _quiet(), Image.open(io.BytesIO(data)) as opened:
            _check_claim(opened, num_bytes=len(data))
            return np.asarray(_rgb(ImageOps.exif_transpose(opened)))
    except MemoryError:
        # The file may be sound: the caller knows what takes less.
        raise
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"{path} is no image file that can be read.") from error
    except DAMAGE_ERRORS as error:
        raise ValueError(
            f"{path} cannot be decoded, it is truncated or damaged ({error})."
        ) from error


def _check_claim(opened: Image.Image, *, num_bytes: int) -> None:
    """Raises ValueError if a file claims more pixels than a photo of its size has."""
    pixels = opened.width * opened.height
    if pixels > max(MAX_PIXELS, num_bytes * _MAX_PIXELS_OF_A_BYTE):
        raise ValueError(
            f"it claims {opened.width} x {opened.height} pixels in {num_bytes} bytes"
        )


@contextlib.contextmanager
def _any_size() -> Iterator[None]:
    """Lifts Pillow's limit of pixels: who names a file to predict wants all of it."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Pillow's warnings back: of EXIF data that are damaged, the pixels are not.

    A photo whose orientation cannot be read is taken as it lies.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _rgb(image: Image.Image) -> Image.Image:
    """Returns an image as 8-bit RGB.

    Raises:
        ValueError: it holds floating-point values, whose range nobody knows.
    """
    if image.mode == "F":
        raise ValueError("it holds floating-point values")
    if image.mode.startswith("I"):
        # Pillow would clip at 255.
        high = np.asarray(image).astype(np.int64) >> 8
        image = Image.fromarray(np.clip(high, 0, 255).astype(np.uint8))
    # Straight to RGB, Pillow warns of transparent colours.
    has_alpha = image.mode == "P" and "transparency" in image.info
    return (image.convert("RGBA") if has_alpha else image).convert("RGB")
