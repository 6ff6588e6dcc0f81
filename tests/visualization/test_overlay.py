# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
from PIL import Image

from deeplab_tf.visualization import overlay

PALETTE = ((0, 0, 0), (200, 100, 0), (10, 20, 30))


def solid(color, *, height=4, width=200):
    return np.full([height, width, 3], color, np.uint8)


def test_overlay_mixes_by_alpha():
    image = np.full([1, 2, 3], 100, np.uint8)
    mixed = overlay.overlay(image, [[0, 1]], PALETTE, alpha=0.25)
    assert mixed.dtype == np.uint8
    assert mixed.tolist() == [[[75, 75, 75], [125, 100, 75]]]
    assert overlay.overlay(image, [[0, 1]], PALETTE).tolist() == [
        [[40, 40, 40], [160, 100, 40]]
    ]


def test_overlay_shows_the_image_where_labels_are_ignored():
    image = np.full([1, 2, 3], 100, np.uint8)
    mixed = overlay.overlay(image, [[255, 1]], PALETTE, ignore_label=255)
    assert mixed.tolist() == [[[100, 100, 100], [160, 100, 40]]]


@pytest.mark.parametrize("ignore_label", [None, 2])
def test_overlay_in_parts_is_that_of_the_whole(monkeypatch, ignore_label):
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, [23, 7, 3]).astype(np.uint8)
    labels = generator.integers(0, 3, [23, 7])
    whole = overlay.overlay(image, labels, PALETTE, ignore_label=ignore_label)
    monkeypatch.setattr(overlay, "_BAND_PIXELS", 20)
    parts = overlay.overlay(image, labels, PALETTE, ignore_label=ignore_label)
    np.testing.assert_array_equal(parts, whole)


def test_overlay_needs_one_size():
    with pytest.raises(ValueError, match=r"\(4, 200\) and \(2, 2\)"):
        overlay.overlay(solid(0), np.zeros([2, 2], int), PALETTE)


def test_error_map():
    shown = overlay.error_map([[0, 1, 255]], [[0, 2, 0]], ignore_label=255)
    assert [tuple(color) for color in shown[0].tolist()] == [
        overlay.RIGHT_COLOR,
        overlay.WRONG_COLOR,
        overlay.NOT_COUNTED_COLOR,
    ]


def test_class_legend_names_what_occurs():
    legend = overlay.class_legend(
        [[[0, 2]], [[2, 255]]], class_names=["sky", "road", "car"], palette=PALETTE
    )
    assert legend == (("sky", (0, 0, 0)), ("car", (10, 20, 30)))


def test_panel_puts_columns_side_by_side():
    pictures = [solid((250, 0, 0)), solid((0, 250, 0), height=6)]
    picture = overlay.panel(pictures, ["one", "two"])
    assert picture.dtype == np.uint8
    assert picture.shape[1] == 2 * 200 + 3 * 8
    red = np.argwhere((picture == (250, 0, 0)).all(-1))
    green = np.argwhere((picture == (0, 250, 0)).all(-1))
    assert len(red) == 4 * 200
    assert len(green) == 6 * 200
    assert red[:, 0].min() == green[:, 0].min()
    assert red[:, 1].max() < green[:, 1].min()


def test_panel_writes_titles_and_legend():
    pictures = [solid((250, 0, 0))]
    plain = overlay.panel(pictures, [""])
    titled = overlay.panel(pictures, ["image"])
    legend = [("road", (1, 200, 1)), ("a car", (200, 1, 200))]
    full = overlay.panel(pictures, ["image"], legend=legend)
    assert plain.shape == titled.shape
    assert (titled != plain).any(-1).sum() > 20
    assert full.shape[0] > titled.shape[0]
    for _, color in legend:
        assert (full == color).all(-1).sum() > 100


def test_panel_breaks_a_long_legend():
    names = [f"class number {number}" for number in range(21)]
    legend = [(name, (number + 1, 9, 9)) for number, name in enumerate(names)]
    picture = overlay.panel([solid(250), solid(250)], ["a", "b"], legend=legend)
    assert picture.shape[1] == 2 * 200 + 3 * 8
    for _, color in legend:
        assert (picture == color).all(-1).sum() > 100


def test_panel_has_rows():
    columns = [
        [solid((250, 0, 0)), solid((0, 250, 0))],
        [solid((0, 0, 250)), solid((9, 9, 250))],
    ]
    picture = overlay.panel(columns, ["a", "b"])
    rows = [
        np.argwhere((picture == color).all(-1))[:, 0].min()
        for color in ((250, 0, 0), (0, 0, 250), (0, 250, 0), (9, 9, 250))
    ]
    assert rows[0] == rows[1] < rows[2] == rows[3]


def test_panel_enlarges_small_pictures():
    picture = overlay.panel([solid((250, 0, 0), height=10, width=65)], ["a"])
    assert (picture == (250, 0, 0)).all(-1).sum() == 3 * 65 * 3 * 10


@pytest.mark.parametrize(
    ("columns", "titles"),
    [([solid(0)], ["a", "b"]), ([[solid(0)], [solid(0), solid(0)]], ["a", "b"])],
    ids=["titles", "rows"],
)
def test_panel_of_unequal_parts_is_an_error(columns, titles):
    with pytest.raises(ValueError, match="a title for each column"):
        overlay.panel(columns, titles)


def test_to_uint8_rounds_and_clips():
    image = np.array([[[-3.0, 99.6, 300.0]]], np.float32)
    assert overlay.to_uint8(image).tolist() == [[[0, 100, 255]]]
    with pytest.raises(ValueError, match="must be"):
        overlay.to_uint8(np.zeros([2, 2]))


def test_save_picture(tmp_path):
    path = tmp_path / "new" / "a.png"
    overlay.save_picture(solid((1, 2, 3)), path)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), solid((1, 2, 3)))


@pytest.mark.parametrize("largest", [0, 255, 256, 65535])
def test_save_labels(tmp_path, largest):
    labels = np.array([[0, largest]], np.int32)
    overlay.save_labels(labels, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), labels)
        assert image.mode == ("L" if largest < 256 else "I;16")


def test_labels_with_a_palette_are_ids_and_colours(tmp_path):
    labels = np.array([[0, 2, 1]], np.int32)
    overlay.save_labels(labels, tmp_path / "a.png", palette=PALETTE)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), labels)
        np.testing.assert_array_equal(
            np.asarray(image.convert("RGB")), np.uint8(PALETTE)[labels]
        )


def test_save_labels_out_of_range_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="0 to 65535"):
        overlay.save_labels(np.array([[-1]]), tmp_path / "a.png")
