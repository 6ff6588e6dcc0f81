# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.image_files."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data import image_files, schema

# Smooth, so that JPEG changes it little.
RED = np.linspace(0, 255, 24 * 32).reshape(24, 32)
PIXELS = np.stack([RED, RED[::-1], RED[:, ::-1]], axis=2).astype(np.uint8)


def decoded(image):
    pixels = schema.decode_image(image.encoded).numpy()
    assert pixels.shape == (image.height, image.width, 3)
    return pixels.astype(int)


def save(path, pixels=PIXELS, mode="RGB", **options):
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "image_format"),
    [
        ("a.jpg", "RGB", "jpeg"),
        ("a.jpg", "L", "jpeg"),
        ("a.png", "RGB", "png"),
        ("a.png", "L", "png"),
        ("a.png", "P", "png"),
    ],
)
def test_sound_file_is_kept_byte_for_byte(tmp_path, name, mode, image_format):
    path = save(tmp_path / name, mode=mode)
    image = image_files.read_image(path)
    assert image.encoded == path.read_bytes()
    assert image.image_format == image_format
    assert (image.height, image.width) == (24, 32)
    assert image.notes == ()
    assert decoded(image).shape == (24, 32, 3)


def test_png_under_the_name_of_a_jpeg_is_stored_as_png(tmp_path):
    path = save(tmp_path / "a.jpg", format="PNG")
    image = image_files.read_image(path)
    assert image.image_format == "png"
    assert image.encoded == path.read_bytes()
    assert "a.jpg holds PNG" in image.notes[0]


@pytest.mark.parametrize("image_format", ["BMP", "GIF", "WEBP", "TIFF"])
def test_other_formats_are_converted_and_said_so(tmp_path, image_format):
    options = {"lossless": True} if image_format == "WEBP" else {}
    path = save(tmp_path / "a.jpg", format=image_format, **options)
    image = image_files.read_image(path)
    assert image.image_format == "png"
    assert f"holds {image_format}: converted" in image.notes[0]
    if image_format != "GIF":  # GIF has 256 colours.
        np.testing.assert_array_equal(decoded(image), PIXELS)


def test_cmyk_jpeg_becomes_the_rgb_that_one_sees(tmp_path):
    path = save(tmp_path / "a.jpg", mode="CMYK", quality=95)
    image = image_files.read_image(path)
    assert "CMYK" in image.notes[0]
    assert np.abs(decoded(image) - PIXELS).mean() < 4


def test_alpha_is_dropped(tmp_path):
    alpha = np.full((24, 32, 1), 128, np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(np.concatenate([PIXELS, alpha], axis=2)).save(path)
    image = image_files.read_image(path)
    np.testing.assert_array_equal(decoded(image), PIXELS)
    assert "alpha" in image.notes[0]


def test_sixteen_bit_grey_keeps_its_high_byte(tmp_path):
    grey = PIXELS[:, :, 0].astype(np.uint16) * 256 + 99
    path = tmp_path / "a.png"
    Image.fromarray(grey).save(path)
    image = image_files.read_image(path)
    np.testing.assert_array_equal(decoded(image)[:, :, 1], PIXELS[:, :, 0])
    assert "16 bits" in image.notes[0]


@pytest.mark.parametrize("turn", range(2, 9))
def test_exif_orientation_is_applied(tmp_path, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    upright = Image.fromarray(PIXELS)
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    path = tmp_path / "a.jpg"
    upright.transpose(inverse[turn]).save(path, exif=exif, quality=98, subsampling=0)
    image = image_files.read_image(path, label_size=(24, 32))
    assert (image.height, image.width) == (24, 32)
    assert np.abs(decoded(image) - PIXELS).mean() < 4
    assert f"orientation {turn}" in image.notes[0]


def test_orientation_that_unfits_the_labels_is_not_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.jpg", exif=exif)
    image = image_files.read_image(path, label_size=(24, 32))
    assert image.encoded == path.read_bytes()
    assert "not applied" in image.notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"a text", "is no image file")],
    ids=["empty", "text"],
)
def test_file_without_an_image_is_named(tmp_path, content, message):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.jpg {message}.*replace"):
        image_files.read_image(path)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.webp"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_file_is_named(tmp_path, name, share):
    path = save(tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=rf"{name}.*replace"):
        image_files.read_image(path)


def test_damage_that_pillow_reports_in_its_own_way_names_the_file(tmp_path):
    path = save(tmp_path / "a.png")
    data = path.read_bytes()
    # A chunk of colours that ends too early; Pillow raises ValueError.
    chunk = b"cHRM" + bytes(8)
    broken = struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(data[:33] + broken + data[33:])
    with pytest.raises(ValueError, match=r"a\.png cannot be decoded"):
        image_files.read_image(path)


def test_sixteen_bits_of_other_formats_keep_their_high_byte(tmp_path):
    pixels = np.array([[0, 256, 40000, 65535]], np.uint16)
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    image = image_files.read_image(tmp_path / "a.tif")
    assert decoded(image)[0, :, 0].tolist() == [0, 1, 156, 255]


def test_pixels_of_an_unknown_range_are_an_error(tmp_path):
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif cannot be decoded.*have 32 bits"):
        image_files.read_image(tmp_path / "a.tif")
