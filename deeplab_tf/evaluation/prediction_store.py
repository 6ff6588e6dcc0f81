# Licensed under the Apache License, Version 2.0.
"""Predictions of a network on disk, for what is tried on them again and again."""

import os
import pathlib
import shutil
from collections.abc import Iterator

import numpy as np

_PARTS = ("image", "labels", "probabilities")
_GIGABYTE = 1e9
# Far below what a CRF tells from zero, and far above the least float32.
_LEAST_PROBABILITY = 1e-8


class PredictionStore:
    """Images with labels and predicted probabilities, in files of a folder.

    Of probabilities float16 logarithms are kept, over that of the likeliest label: the
    order of labels stays, and energies change by at most 0.008.

    Args:
        folder: exists and is empty; the caller removes it.
        num_images: how many there will be, to see before the work whether they fit.
    """

    def __init__(self, folder: str | os.PathLike[str], *, num_images: int):
        self._folder = pathlib.Path(folder)
        self._num_images = num_images
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yields image [H, W, 3], labels [H, W] and probabilities [H, W, C] float32."""
        for number in range(self._length):
            image, labels, probabilities = (
                np.load(self._path(number, part)) for part in _PARTS
            )
            yield image, labels, _decode(probabilities)

    def add(
        self, image: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
    ) -> None:
        """Writes an image with its labels and probabilities.

        Raises:
            OSError: the disk is full.
            ValueError: there is no room for as many images as announced.
        """
        arrays = (image, labels, _encode(probabilities))
        if not self._length:
            self._check_room(sum(array.nbytes for array in arrays))
        for part, array in zip(_PARTS, arrays, strict=True):
            np.save(self._path(self._length, part), array)
        self._length += 1

    def _path(self, number: int, part: str) -> pathlib.Path:
        return self._folder / f"{number:06d}-{part}.npy"

    def _check_room(self, image_bytes: int) -> None:
        """Raises ValueError if images of this size do not fit on the disk."""
        needed = image_bytes * self._num_images
        free = shutil.disk_usage(self._folder).free
        if needed > free:
            raise ValueError(
                f"Predictions of {self._num_images} images take about "
                f"{needed / _GIGABYTE:.1f} GB, and {self._folder} has "
                f"{free / _GIGABYTE:.1f} GB of room: take fewer images, or another "
                "folder."
            )


def _encode(probabilities: np.ndarray) -> np.ndarray:
    """Returns the logarithms of probabilities over the highest, in float16."""
    logarithms = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    return (logarithms - logarithms.max(axis=-1, keepdims=True)).astype(np.float16)


def _decode(logarithms: np.ndarray) -> np.ndarray:
    """Returns the probabilities that were encoded, in float32."""
    ratios = np.exp(logarithms.astype(np.float32))
    return ratios / ratios.sum(axis=-1, keepdims=True)
