# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data import image_files, photos, schema

# Smooth, so that JPEG changes it little; no two corners alike.
RAMP = np.linspace(0, 255, 24 * 32).reshape(24, 32)
PIXELS = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=2).astype(np.uint8)
ORIENTATION_TAG = 0x0112


def save(path, pixels=PIXELS, mode="RGB", **options):
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return path


def test_jpeg_has_the_pixels_of_an_exact_decoder(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, [24, 32, 3]).astype(np.uint8)
    path = save(tmp_path / "a.jpg", noise)
    expected = tf.io.decode_jpeg(path.read_bytes(), dct_method="INTEGER_ACCURATE")
    np.testing.assert_array_equal(photos.read_photo(path), expected)


def test_png_has_the_pixels_of_a_record(tmp_path):
    path = save(tmp_path / "a.png", mode="P")
    record = schema.decode_image(image_files.read_image(path).encoded).numpy()
    np.testing.assert_array_equal(photos.read_photo(path), record)


@pytest.mark.parametrize("suffix", ["bmp", "tif", "ppm", "png"])
def test_formats_without_loss_keep_every_pixel(tmp_path, suffix):
    path = save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(photos.read_photo(path), PIXELS)


@pytest.mark.parametrize(
    ("name", "mode"), [("a.jpg", "CMYK"), ("a.tif", "CMYK"), ("a.gif", "P")]
)
def test_other_colour_spaces_become_what_one_sees(tmp_path, name, mode):
    options = {"quality": 95} if name == "a.jpg" else {}
    found = photos.read_photo(save(tmp_path / name, mode=mode, **options))
    assert found.dtype == np.uint8
    # GIF has 256 colours.
    assert np.abs(found.astype(int) - PIXELS).mean() < 20


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_grey_is_grey_rgb(tmp_path, name):
    grey = PIXELS[..., 0]
    Image.fromarray(grey).save(tmp_path / name)
    found = photos.read_photo(tmp_path / name)
    assert found.shape == (24, 32, 3)
    assert np.abs(found.astype(int) - grey[..., None]).max() <= 3
    assert np.ptp(found, axis=2).max() == 0


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_of_sixteen_bits_the_higher_eight_are_kept(tmp_path, name):
    grey = np.array([[0, 255, 256], [4096, 40000, 65535]], np.uint16)
    Image.fromarray(grey).save(tmp_path / name)
    found = photos.read_photo(tmp_path / name)
    np.testing.assert_array_equal(found[..., 1], [[0, 0, 1], [16, 156, 255]])


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_of_sixteen_bit_colours_too(tmp_path, channels):
    pixels = np.full([3, 4, channels], 40000, np.uint16)
    data = tf.io.encode_png(pixels).numpy()
    (tmp_path / "a.png").write_bytes(data)
    found = photos.read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(found, np.full([3, 4, 3], 156))


def test_transparent_colours_of_a_palette_are_seen(tmp_path):
    image = Image.new("P", (4, 3), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png", transparency=bytes([255, 0]))
    found = photos.read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(found[0, 0], [10, 20, 30])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_alpha_is_dropped(tmp_path, mode):
    image = Image.new("RGBA", (4, 3), (200, 200, 200, 0))
    path = tmp_path / ("a.tif" if mode == "PA" else "a.png")
    image = image.convert("RGBA" if mode == "PA" else mode)
    image.save(path)
    np.testing.assert_array_equal(photos.read_photo(path), np.full([3, 4, 3], 200))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
# Of a picture whose stored top left corner is white: where that corner belongs.
@pytest.mark.parametrize(
    ("turn", "corner"), [(3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))]
)
def test_the_orientation_of_the_camera_is_applied(tmp_path, name, turn, corner):
    image = Image.new("RGB", (64, 48))
    image.paste((255, 255, 255), (0, 0, 16, 16))
    exif = image.getexif()
    exif[ORIENTATION_TAG] = turn
    image.save(tmp_path / name, exif=exif)
    found = photos.read_photo(tmp_path / name)
    assert found.shape == ((48, 64, 3) if turn == 3 else (64, 48, 3))
    assert found[corner].min() > 240
    assert found[:, :, 0].astype(float).mean() < 40


def test_a_file_without_content_and_one_of_text_are_named(tmp_path):
    (tmp_path / "none.jpg").touch()
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(ValueError, match=r"none.jpg is empty"):
        photos.read_photo(tmp_path / "none.jpg")
    with pytest.raises(ValueError, match=r"text.jpg is no image"):
        photos.read_photo(tmp_path / "text.jpg")
    with pytest.raises(FileNotFoundError):
        photos.read_photo(tmp_path / "absent.jpg")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_a_truncated_file_is_named(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, [60, 60, 3]).astype(np.uint8)
    path = save(tmp_path / name, noise)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=rf"{name} cannot be decoded"):
        photos.read_photo(path)


def test_floating_point_images_are_refused(tmp_path):
    Image.fromarray(np.zeros([3, 4], np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="floating-point"):
        photos.read_photo(tmp_path / "a.tif")


def test_an_image_over_the_limit_of_pillow_is_read(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert photos.read_photo(path).shape == (24, 32, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_a_few_bytes_that_claim_gigabytes_are_refused(tmp_path):
    path = save(tmp_path / "a.jpg")
    data = bytearray(path.read_bytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = b"\xe0\x00\xe0\x00"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.jpg .*claims 57344 x 57344 pixels"):
        photos.read_photo(path)


def test_damaged_exif_data_leave_the_pixels(tmp_path):
    pixels = np.full((16, 24, 3), 90, np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    sound, cut = tmp_path / "sound.jpg", tmp_path / "cut.jpg"
    Image.fromarray(pixels).save(sound, exif=exif.tobytes())
    Image.fromarray(pixels).save(cut, exif=exif.tobytes()[:-5])
    assert photos.read_photo(sound).shape == (24, 16, 3)
    assert photos.read_photo(cut).shape in ((16, 24, 3), (24, 16, 3))
