# Licensed under the Apache License, Version 2.0.
"""A small folder of images and masks for tests."""

import numpy as np
from PIL import Image

SIZE = (4, 6)


def write_image(path, *, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], (90, 120, 30)).save(path)


def write_mask(path, values, *, palette=None, size=SIZE, **options):
    """Writes a mask whose pixels are some numbers or colours in turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.asarray(values)
    pixels = values[np.arange(size[0] * size[1]) % len(values)]
    dtype = np.uint16 if values.max() > 255 else np.uint8
    picture = Image.fromarray(pixels.reshape(*size, *values.shape[1:]).astype(dtype))
    if palette is not None:
        indices = picture
        picture = Image.new("P", indices.size)
        picture.putdata(list(indices.tobytes()))
        picture.putpalette(np.asarray(palette, np.uint8).ravel().tolist())
    picture.save(path, **options)


def write_folder(root, masks, *, image_format="jpg", end="", **options):
    """Writes images/<name>.* and masks/<name><end>.png for names and their values."""
    for name, values in masks.items():
        write_image(root / "images" / f"{name}.{image_format}")
        write_mask(root / "masks" / f"{name}{end}.png", values, **options)
    return root
