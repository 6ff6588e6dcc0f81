# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.mask_labels."""

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.color_table import ColorTable
from deeplab_tf.data.mask_labels import BlackAndWhite, ColorIds, MaskIds

from . import mask_folder

TABLE = ColorTable(
    classes=("soil", "crop"),
    palette=((0, 0, 0), (0, 200, 0)),
    ids={(0, 0, 0): 0, (0, 200, 0): 1},
    ignored=frozenset({(9, 9, 9)}),
)
BY_COLOR = ColorIds(table=TABLE, ignore_label=255)


def read(reader, path, values, **options):
    """Returns the ids of a mask that holds some values in turn, and the notes."""
    mask_folder.write_mask(path, values, size=(1, len(values)), **options)
    labels, notes = reader(path)
    assert labels.shape == (1, len(values))
    return labels[0].tolist(), notes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.png"


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ([3, 0, 255], {}),
        ([3, 0, 255], {"palette": [(255 - i, i, 7) for i in range(256)]}),
        ([[3, 3, 3], [0, 0, 0], [255, 255, 255]], {}),
        ([3 * 257, 0, 65535], {}),
    ],
    ids=["grey", "palette", "grey in RGB", "16 bits x 257"],
)
def test_numbers_are_ids(path, values, options):
    assert read(MaskIds(), path, values, **options) == ([3, 0, 255], ())


def test_colors_are_no_ids(path):
    with pytest.raises(ValueError, match=r"a\.png holds RGB colours"):
        read(MaskIds(), path, [[3, 3, 3], [0, 0, 1]])


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ([0, 127, 128, 255], {}),
        ([[0, 0, 0], [127, 0, 0], [0, 128, 0], [0, 0, 255]], {}),
        ([1, 2, 3, 0], {"palette": [(255, 0, 0), (0, 0, 0), (9, 9, 9), (128, 0, 0)]}),
    ],
    ids=["grey", "RGB", "palette"],
)
def test_bright_pixels_are_class_1(path, values, options):
    reader = BlackAndWhite(threshold=128)
    assert read(reader, path, values, **options) == ([0, 0, 1, 1], ())


def test_jpeg_in_black_and_white_can_be_cut(tmp_path):
    pixels = np.zeros((32, 32), np.uint8)
    pixels[:, 16:] = 255
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=60)
    labels, _ = BlackAndWhite(threshold=128)(tmp_path / "a.jpg")
    np.testing.assert_array_equal(labels, pixels // 255)


def test_colors_are_looked_up(path):
    values = [[0, 200, 0], [0, 0, 0], [9, 9, 9]]
    assert read(BY_COLOR, path, values) == ([1, 0, 255], ())


def test_palette_is_read_by_its_colors_and_its_ignore_label_by_number(path):
    palette = [(8, 8, 8)] * 256
    palette[7], palette[3] = (0, 200, 0), (0, 0, 0)
    assert read(BY_COLOR, path, [7, 3, 255], palette=palette) == ([1, 0, 255], ())


def test_grey_values_are_colors(path):
    table = ColorTable(
        classes=("a", "b"),
        palette=((0, 0, 0), (150, 150, 150)),
        ids={(0, 0, 0): 0, (150, 150, 150): 1},
    )
    reader = ColorIds(table=table, ignore_label=255)
    assert read(reader, path, [150, 0, 255]) == ([1, 0, 255], ())


def test_unknown_colors_are_named_with_their_pixels_and_the_nearest_class(path):
    values = [[0, 198, 2], [0, 0, 0], [0, 198, 2], [70, 70, 70]]
    message = (
        r"a\.png holds \(0, 198, 2\) \(2 pixels\), \(70, 70, 70\) \(1 pixels\), not in "
        r"the colour table \(nearest to the first is crop \(0, 200, 0\)\)"
    )
    with pytest.raises(ValueError, match=message):
        read(BY_COLOR, path, values)
    reader = ColorIds(table=TABLE, ignore_label=255, ignore_unknown=True)
    labels, notes = read(reader, path, values)
    assert labels == [255, 0, 255, 255]
    assert notes == (
        f"{path} holds (0, 198, 2) (2 pixels), (70, 70, 70) (1 pixels), not in the "
        "colour table: stored as ignored.",
    )


def test_many_unknown_colors_are_cut(path):
    with pytest.raises(ValueError, match=r"\(5, 0, 0\) \(1 pixels\), 2 more colours"):
        read(BY_COLOR, path, [[i, 0, 0] for i in range(1, 8)])


def test_text_of_a_reader_does_not_change_from_run_to_run():
    assert "0x" not in repr(BY_COLOR)
    assert repr(BY_COLOR) != repr(ColorIds(table=TABLE, ignore_label=0))
