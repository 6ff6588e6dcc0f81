# Licensed under the Apache License, Version 2.0.
"""Decodes mask files of any kind: numbers or colours per pixel, as they are stored."""

import dataclasses
import io
import pathlib

import numpy as np
from PIL import Image

from deeplab_tf.data.catalog.dataset_info import Color
from deeplab_tf.data.image_files import DAMAGE_ERRORS, png_bit_depth

# Endings under which a mask is looked for. JPEG is among them, to say what is wrong.
MASK_SUFFIXES = (".png", ".bmp", ".gif", ".tif", ".tiff", ".jpg", ".jpeg")

_WIDE_MODES = ("I", "I;16", "I;16B")
_NUMBER_MODES = ("1", "L", "P", *_WIDE_MODES)
_ALPHA_MODES = ("LA", "PA", "RGBA")
_COLOR_MODES = ("RGB", *_ALPHA_MODES)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Mask:
    """The pixels of a mask file.

    Attributes:
        path: the file.
        image_format: "PNG", "JPEG" and so on, by its content.
        mode: Pillow's name of how it stores pixels.
        pixels: [H, W] unsigned integers, grey values or palette indices; or
            [H, W, 3] uint8, RGB.
        palette: RGB colours of the indices; None: it has no palette.
    """

    path: pathlib.Path
    image_format: str
    mode: str
    pixels: np.ndarray
    palette: tuple[Color, ...] | None = None

    @property
    def is_lossy(self) -> bool:
        """Whether the file format changes pixels."""
        return self.image_format in ("JPEG", "MPO")

    @property
    def has_colors(self) -> bool:
        """Whether pixels are RGB colours, not numbers."""
        return self.pixels.ndim == 3

    @property
    def is_scaled(self) -> bool:
        """Whether it holds 8-bit numbers stretched to 16 bits, value x 257."""
        if self.pixels.dtype != np.uint16 or self.pixels.max(initial=0) <= 255:
            return False
        return not np.any(self.pixels % 257)


def read_mask(path: pathlib.Path) -> Mask:
    """Returns the pixels of a mask file as they are stored.

    Args:
        path: the file; its content counts, not the ending of its name.

    Raises:
        ValueError: the file is empty, damaged, transparent or no picture of integers;
            the message names it.
    """
    data = path.read_bytes()
    if not data:
        raise ValueError(f"{path} is empty (0 bytes): replace the file.")
    try:
        with Image.open(io.BytesIO(data)) as opened:
            stored = _load(opened)
    except Image.UnidentifiedImageError as error:
        raise ValueError(
            f"{path} is no image file: replace it by a PNG of class ids."
        ) from error
    except DAMAGE_ERRORS as error:
        raise ValueError(
            f"{path} cannot be decoded, it is truncated or damaged: replace the file."
        ) from error
    _check(stored, path=path)
    pixels = stored.pixels
    if stored.mode in _ALPHA_MODES:
        pixels = pixels[:, :, :3]
    elif stored.mode in _WIDE_MODES:
        pixels = pixels.astype(np.uint16)
    elif stored.mode not in _COLOR_MODES:
        bit_depth = png_bit_depth(data) if stored.image_format == "PNG" else 8
        pixels = _unstretched(pixels.astype(np.uint8), stored.mode, bit_depth)
    return Mask(
        path=path,
        image_format=stored.image_format,
        mode=stored.mode,
        pixels=pixels,
        palette=stored.palette,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Stored:
    """What Pillow finds in a file; pixels of three or four channels are RGB(A)."""

    image_format: str
    mode: str
    num_pictures: int
    pixels: np.ndarray
    palette: tuple[Color, ...] | None


def _load(opened: Image.Image) -> _Stored:
    """Returns what an opened file holds, unchecked."""
    image_format, mode = str(opened.format), opened.mode
    num_pictures = 1 if image_format == "MPO" else getattr(opened, "n_frames", 1)
    palette, picture = None, opened
    if image_format == "GIF":
        # Who writes a GIF numbers its palette anew: only the colours mean something.
        mode, picture = "RGB", opened.convert("RGB")
    elif mode == "P":
        colors = opened.getpalette("RGB") or []
        palette = tuple(zip(colors[::3], colors[1::3], colors[2::3], strict=True))
    elif mode in _ALPHA_MODES:
        picture = opened.convert("RGBA")
    return _Stored(
        image_format=image_format,
        mode=mode,
        num_pictures=num_pictures,
        pixels=np.asarray(picture),
        palette=palette or None,
    )


def _check(stored: _Stored, *, path: pathlib.Path) -> None:
    """Raises ValueError where the pixels cannot be classes."""
    if stored.num_pictures > 1:
        raise ValueError(
            f"{path} holds several pictures: save each mask as a PNG of its own."
        )
    if stored.mode not in (*_NUMBER_MODES, *_COLOR_MODES):
        raise ValueError(
            f"{path} holds pixels of the kind {stored.mode}, not class ids: convert it "
            "to a PNG with one channel of ids."
        )
    pixels = stored.pixels
    if stored.mode in _ALPHA_MODES:
        if transparent := int(np.count_nonzero(pixels[:, :, 3] != 255)):
            raise ValueError(
                f"{path} has an alpha channel with {transparent} pixels that are not "
                "opaque, so their class is not clear: flatten the mask onto its "
                "background colour and save it without alpha."
            )
    elif not 0 <= pixels.min(initial=0) <= pixels.max(initial=0) <= 65535:
        raise ValueError(
            f"{path} holds values from {pixels.min()} to {pixels.max()}; class ids lie "
            "in 0..255: save it as a PNG with 8 bits."
        )


def _unstretched(values: np.ndarray, mode: str, bit_depth: int) -> np.ndarray:
    """Returns the numbers as stored: decoders stretch few bits to the range of 8."""
    if mode != "P" and bit_depth in (2, 4):
        return values // np.uint8(255 // (2**bit_depth - 1))
    return values
