# Licensed under the Apache License, Version 2.0.
"""The sound files that are mutated: small, of every kind that is read."""

import functools
import io

import numpy as np
from PIL import Image

from deeplab_tf.data import label_files, schema, shapes
from deeplab_tf.data.catalog.shapes import SHAPES

HEIGHT, WIDTH = 40, 48
NUM_RECORDS = 3


@functools.cache
def draw(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns image uint8 [40, 48, 3] and labels uint8 [40, 48]."""
    image, labels = shapes.draw_example("val", index=index, image_size=WIDTH)
    return image[:HEIGHT], labels[:HEIGHT]


@functools.cache
def images() -> dict[str, bytes]:
    """Returns image files by name; the ending is that of their format."""
    picture = Image.fromarray(draw(0)[0])
    grey16 = Image.fromarray(draw(0)[0][:, :, 0].astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a photo"
    alpha = picture.copy()
    alpha.putalpha(128)
    return {
        "colour.png": _encode(picture),
        "palette.png": _encode(picture.convert("P")),
        "grey.png": _encode(picture.convert("L")),
        "alpha.png": _encode(alpha),
        "deep.png": _encode(grey16),
        "baseline.jpg": _encode(picture, "JPEG", quality=90),
        "progressive.jpg": _encode(picture, "JPEG", progressive=True),
        "grey.jpg": _encode(picture.convert("L"), "JPEG"),
        "cmyk.jpg": _encode(picture.convert("CMYK"), "JPEG"),
        "turned.jpg": _encode(picture, "JPEG", exif=exif, restart_marker_rows=1),
        "other.bmp": _encode(picture, "BMP"),
        "other.gif": _encode(picture, "GIF"),
        "other.tiff": _encode(picture, "TIFF", compression="tiff_lzw"),
        "other.webp": _encode(picture, "WEBP", lossless=True),
    }


@functools.cache
def labels() -> dict[str, bytes]:
    """Returns label files by name, all of the same ids."""
    ids = draw(0)[1]
    indexed = Image.fromarray(ids)
    palette = Image.fromarray(ids)
    palette.putpalette(np.arange(768, dtype=np.uint8).tolist())
    return {
        "grey.png": label_files.encode_labels(ids),
        "palette.png": _encode(palette),
        "deep.png": _encode(Image.fromarray(ids.astype(np.uint16))),
        "described.png": _encode(indexed, optimize=True),
    }


@functools.cache
def unfit_labels() -> dict[str, bytes]:
    """Returns sound images that are no labels of the image, by what is wrong."""
    ids = draw(0)[1]
    palette = Image.fromarray(ids)
    palette.putpalette(np.arange(768, dtype=np.uint8).tolist())
    colours = Image.fromarray(draw(0)[0])
    unknown = np.where(ids == 0, np.uint8(200), ids)
    one_pixel = ids.copy()
    one_pixel[-1, -1] = SHAPES.num_classes
    return {
        "unknown ids": label_files.encode_labels(unknown),
        "one unknown id": label_files.encode_labels(one_pixel),
        "other size": label_files.encode_labels(ids[:-1]),
        "sides changed": label_files.encode_labels(ids.T),
        "colours": _encode(colours),
        "palette": _encode(palette),
        "16 bits": _encode(Image.fromarray(ids.astype(np.uint16))),
        "1 bit": _encode(Image.fromarray(ids > 0)),
        "grey and alpha": _encode(Image.fromarray(ids).convert("LA")),
        "JPEG": _encode(Image.fromarray(ids), "JPEG"),
        "GIF": _encode(Image.fromarray(ids), "GIF"),
    }


@functools.cache
def messages(image_format: str) -> tuple[bytes, ...]:
    """Returns the messages of a sound record file, with PNG or JPEG images."""
    found = []
    for index in range(NUM_RECORDS):
        image, ids = draw(index)
        found.append(
            schema.encode_example(
                f"val_{index}",
                image=_encode(Image.fromarray(image), image_format),
                image_format=image_format.lower(),
                height=HEIGHT,
                width=WIDTH,
                labels=label_files.encode_labels(ids),
            )
        )
    return tuple(found)


def _encode(image: Image.Image, image_format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()
