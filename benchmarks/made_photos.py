# Licensed under the Apache License, Version 2.0.
"""Photos that no one took, of the size and weight of those of PASCAL VOC.

A JPEG of VOC has 500 x 375 pixels and about 110 KB, its labels are a PNG of a few large
regions; what decoding costs depends on that.
"""

import io
import pathlib

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 500, 375
NUM_CLASSES = 21
# With it, and the noise below, a file has about 110 KB.
_QUALITY = 95
_NOISE = 12.0
_REGIONS = 4


def write(folder: pathlib.Path, *, count: int) -> None:
    """Writes images/<number>.jpg and labels/<number>.png.

    Args:
        folder: where to; it is made.
        count: how many.
    """
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        jpeg, png = draw(number)
        (folder / "images" / f"{number:04d}.jpg").write_bytes(jpeg)
        (folder / "labels" / f"{number:04d}.png").write_bytes(png)


def draw(number: int) -> tuple[bytes, bytes]:
    """Returns the files of an image and of its labels."""
    generator = np.random.default_rng(number)
    coarse = generator.integers(0, 255, (6, 8, 3), np.uint8)
    smooth = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    noise = generator.normal(0.0, _NOISE, (HEIGHT, WIDTH, 3))
    pixels = np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(_REGIONS):
        y, x = generator.integers(0, (HEIGHT, WIDTH))
        radii = generator.integers(30, 120, 2)
        inside = ((rows - y) / radii[0]) ** 2 + ((columns - x) / radii[1]) ** 2 < 1
        labels[inside] = generator.integers(1, NUM_CLASSES)
    return (
        _encode(pixels, "JPEG", quality=_QUALITY),
        _encode(labels, "PNG"),
    )


def _encode(pixels: np.ndarray, image_format: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, image_format, **options)
    return buffer.getvalue()
