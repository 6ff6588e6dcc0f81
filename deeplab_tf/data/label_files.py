# Licensed under the Apache License, Version 2.0.
"""Reads label files: PNG with one class id per pixel."""

import dataclasses
import io
import pathlib
from typing import Protocol

import numpy as np
from PIL import Image

from deeplab_tf.data.mask_files import read_mask


class LabelReader(Protocol):
    """Turns a label file into class ids.

    A frozen dataclass, for its text tells whether records of an earlier build are
    still up to date.
    """

    def __call__(self, path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...]]:
        """Returns ids [H, W] and what a person should know about the file.

        Raises:
            ValueError: the file is damaged or holds no ids; the message names it.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredIds:
    """The ids are the numbers in a PNG.

    Attributes:
        mapping: id by number, 256 of them; (): the number is the id.
    """

    mapping: tuple[int, ...] = ()

    def __call__(self, path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...]]:
        """Returns the ids of a file and no notes."""
        labels = read_labels(path)
        if not self.mapping:
            return labels, ()
        if labels.max(initial=0) >= len(self.mapping):
            raise ValueError(
                f"{path} holds values up to {labels.max()}, expected 0..255: take the "
                "file of label ids, with 8 bits."
            )
        return np.asarray(self.mapping, np.uint8)[labels], ()


STORED_IDS = StoredIds()


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
    mask = read_mask(path)
    if mask.image_format != "PNG":
        raise ValueError(
            f"{path} holds {mask.image_format}, not PNG: labels need a lossless "
            "file; make them again from the source, for lossy ids are wrong."
        )
    if mask.has_colors:
        raise ValueError(
            f"{path} holds {mask.mode} colours, not class ids: convert it to "
            "a PNG with one channel of ids or with a palette."
        )
    if mask.is_scaled:
        raise ValueError(
            f"{path} is a 16-bit PNG with id x 257 in place of id (largest value "
            f"{mask.pixels.max()}): save it with 8 bits."
        )
    return mask.pixels


def encode_labels(labels: np.ndarray) -> bytes:
    """Returns [H, W] ids up to 255 as a PNG with one 8-bit channel."""
    buffer = io.BytesIO()
    Image.fromarray(labels.astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()
