# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.mask_files."""

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data import mask_files

NUMBERS = np.array([[0, 1], [2, 200]], np.uint8)
COLORS = np.array([[[0, 0, 0], [255, 0, 9]]], np.uint8)


def save(path, pixels, mode=None, **options):
    picture = Image.fromarray(pixels)
    (picture if mode is None else picture.convert(mode)).save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_numbers_of_every_lossless_format_are_kept(tmp_path, ending):
    mask = mask_files.read_mask(save(tmp_path / f"a.{ending}", NUMBERS))
    np.testing.assert_array_equal(mask.pixels, NUMBERS)
    assert not mask.has_colors
    assert not mask.is_lossy


def test_gif_holds_colors_for_its_palette_is_numbered_anew(tmp_path):
    mask = mask_files.read_mask(save(tmp_path / "a.gif", NUMBERS))
    np.testing.assert_array_equal(mask.pixels, np.dstack([NUMBERS] * 3))


def test_palette_comes_with_the_indices(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putdata([1, 0])
    picture.putpalette([9, 8, 7, 1, 2, 3])
    picture.save(tmp_path / "a.png")
    mask = mask_files.read_mask(tmp_path / "a.png")
    assert mask.pixels.tolist() == [[1, 0]]
    assert mask.palette[:2] == ((9, 8, 7), (1, 2, 3))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colors_are_kept_and_an_opaque_alpha_channel_dropped(tmp_path, mode):
    mask = mask_files.read_mask(save(tmp_path / "a.png", COLORS, mode))
    assert mask.mode == mode
    assert mask.has_colors
    np.testing.assert_array_equal(mask.pixels, COLORS)


@pytest.mark.parametrize(("factor", "scaled"), [(1, False), (257, True)])
def test_sixteen_bits_are_told_from_stretched_eight(tmp_path, factor, scaled):
    pixels = NUMBERS.astype(np.uint16) * factor
    mask = mask_files.read_mask(save(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(mask.pixels, pixels)
    assert mask.is_scaled == scaled


def test_jpeg_is_known_by_its_bytes(tmp_path):
    path = save(tmp_path / "a.png", NUMBERS, format="JPEG")
    assert mask_files.read_mask(path).is_lossy


def test_transparent_pixels_are_an_error(tmp_path):
    pixels = np.dstack([COLORS, np.array([[255, 128]], np.uint8)])
    path = save(tmp_path / "a.png", pixels)
    with pytest.raises(ValueError, match=r"a\.png has an alpha channel with 1 pixels"):
        mask_files.read_mask(path)


@pytest.mark.parametrize(
    ("pixels", "ending", "message"),
    [
        (np.full((2, 2), 0.5, np.float32), "tif", "pixels of the kind F"),
        (np.full((2, 2), 70000, np.int32), "tif", "values from 70000 to 70000"),
    ],
)
def test_what_can_be_no_ids_is_an_error(tmp_path, pixels, ending, message):
    path = save(tmp_path / f"a.{ending}", pixels)
    with pytest.raises(ValueError, match=message):
        mask_files.read_mask(path)


def test_several_pictures_in_a_file_are_an_error(tmp_path):
    first = Image.fromarray(NUMBERS)
    other = Image.fromarray(NUMBERS + 1)
    first.save(tmp_path / "a.tif", save_all=True, append_images=[other])
    with pytest.raises(ValueError, match="several pictures"):
        mask_files.read_mask(tmp_path / "a.tif")


def test_damaged_file_is_named(tmp_path):
    path = save(tmp_path / "a.png", np.tile(NUMBERS, (30, 30)))
    data = path.read_bytes()
    for content in (b"", b"text", data[:60]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.png.*replace"):
            mask_files.read_mask(path)
