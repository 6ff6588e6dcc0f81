# Licensed under the Apache License, Version 2.0.
"""Reads image files as records store them: JPEG or PNG that decodes to RGB."""

import dataclasses
import io
import pathlib
import struct
import zlib

import numpy as np
import tensorflow as tf
from PIL import Image

# Endings under which an image is looked for, in this order.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")

# As many as Pillow opens. A few bytes may stand for more than any memory holds.
MAX_PIXELS = 178_956_970

# What Pillow raises on damaged files, as fuzzing shows: its readers of formats check
# little before they compute with what a file claims.
DAMAGE_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

_ORIENTATION_TAG = 0x0112
# How the stored pixels must be turned, by the value of the EXIF tag.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = (5, 6, 7, 8)


class _UnknownRangeError(ValueError):
    """Nobody knows which value of an image is white."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncodedImage:
    """An image as a record holds it.

    Attributes:
        encoded: a JPEG or PNG file.
        image_format: "jpeg" or "png".
        height: in pixels.
        width: in pixels.
        notes: what was changed, or is not as its name says.
    """

    encoded: bytes
    image_format: str
    height: int
    width: int
    notes: tuple[str, ...] = ()


def read_image(
    path: pathlib.Path, *, label_size: tuple[int, int] | None = None
) -> EncodedImage:
    """Reads an image and makes it fit for a record.

    Sound JPEG and PNG files in RGB or grey are kept byte for byte. Whatever TensorFlow
    would decode differently from what one sees becomes an 8-bit RGB PNG: CMYK, 16 bits,
    alpha (dropped), an EXIF orientation (applied), and other formats.

    Args:
        path: the file; its content counts, not the ending of its name.
        label_size: (height, width) of its labels. An EXIF orientation that would make
            the image unfit for them is not applied.

    Raises:
        ValueError: the file is empty, damaged or no image; the message names it.
    """
    data = path.read_bytes()
    if not data:
        raise ValueError(f"{path} is empty (0 bytes): replace the file.")
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return _normalize(opened, data=data, path=path, label_size=label_size)
    except Image.UnidentifiedImageError as error:
        raise ValueError(
            f"{path} is no image file that can be read: replace it by a JPEG or PNG."
        ) from error
    except (*DAMAGE_ERRORS, tf.errors.OpError) as e:
        told = (Image.DecompressionBombError, _UnknownRangeError)
        reason = str(e) if isinstance(e, told) else ""
        raise ValueError(
            f"{path} cannot be decoded, it is truncated or damaged: replace the file."
            f" {reason}".rstrip()
        ) from e


def _normalize(
    opened: Image.Image,
    *,
    data: bytes,
    path: pathlib.Path,
    label_size: tuple[int, int] | None,
) -> EncodedImage:
    """Returns the image of an opened file, as it is or as RGB PNG."""
    # MPO is JPEG with further pictures behind the first.
    image_format = "JPEG" if opened.format == "MPO" else str(opened.format)
    notes = []
    turn = opened.getexif().get(_ORIENTATION_TAG, 1)
    if turn in _TURNS and not _turn_fits(opened, turn=turn, label_size=label_size):
        notes.append(f"{path}: EXIF orientation {turn} not applied, to fit the labels.")
        turn = 1
    expected = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
    if image_format not in ("JPEG", "PNG"):
        notes.append(f"{path} holds {image_format}: converted to PNG.")
    elif expected.get(path.suffix.lower(), image_format) != image_format:
        notes.append(f"{path} holds {image_format}: stored as {image_format}.")
    if turn not in _TURNS and _decodes_to_rgb(opened, image_format, data):
        # The very decoder that will read the record decides whether it is sound.
        pixels = tf.io.decode_image(data, channels=3, expand_animations=False)
        return EncodedImage(
            encoded=data,
            image_format=image_format.lower(),
            height=int(pixels.shape[0]),
            width=int(pixels.shape[1]),
            notes=tuple(notes),
        )
    if image_format in ("JPEG", "PNG"):
        reason = _reason(opened, turn=turn)
        notes.append(f"{path} {reason}: converted to 8-bit RGB PNG.")
    image = _rgb(opened, image_format=image_format, data=data)
    if turn in _TURNS:
        image = image.transpose(_TURNS[turn])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return EncodedImage(
        encoded=buffer.getvalue(),
        image_format="png",
        height=image.height,
        width=image.width,
        notes=tuple(notes),
    )


def _turn_fits(
    opened: Image.Image, *, turn: int, label_size: tuple[int, int] | None
) -> bool:
    """Returns whether turned pixels fit the labels at least as well as stored ones."""
    stored = (opened.height, opened.width)
    turned = stored[::-1] if turn in _SWAPS_SIDES else stored
    return label_size is None or turned == label_size or stored != label_size


def _decodes_to_rgb(opened: Image.Image, image_format: str, data: bytes) -> bool:
    """Returns whether TensorFlow decodes a file to what one sees."""
    if image_format == "JPEG":
        return opened.mode in ("L", "RGB")
    return (
        image_format == "PNG"
        and png_bit_depth(data) <= 8
        and opened.mode in ("1", "L", "P", "RGB")
        and "transparency" not in opened.info
    )


def _rgb(opened: Image.Image, *, image_format: str, data: bytes) -> Image.Image:
    """Returns the 8-bit RGB pixels of a file, without alpha."""
    if image_format == "PNG":
        # TensorFlow keeps the high byte of 16-bit grey, where Pillow would clip.
        pixels = tf.io.decode_png(data, channels=3).numpy()
        return Image.fromarray(np.ascontiguousarray(pixels))
    if opened.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(opened) >> 8).astype(np.uint8)).convert(
            "RGB"
        )
    if opened.mode in ("I", "F"):
        raise _UnknownRangeError("Its pixels have 32 bits: save it with 8 bits.")
    return opened.convert("RGB")


def _reason(opened: Image.Image, *, turn: int) -> str:
    """Returns in words why an image cannot stay as it is."""
    if turn in _TURNS:
        return f"has EXIF orientation {turn}"
    if "A" in opened.mode or "transparency" in opened.info:
        return "has an alpha channel, which is dropped"
    if opened.format == "PNG":
        return "has 16 bits per channel"
    return f"is {opened.mode}"


def png_bit_depth(data: bytes) -> int:
    """Returns the bits per sample that the header of a PNG file declares."""
    return data[24]
