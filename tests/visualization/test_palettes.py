# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from deeplab_tf.visualization import palettes


def test_pascal_palette_by_hand():
    palette = palettes.pascal_palette()
    assert palette.dtype == np.uint8
    assert palette.shape == (512, 3)
    # 15 = 001 111: red, green and blue are set, and red's second bit.
    assert palette[[0, 1, 2, 4, 8, 15, 255]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [0, 0, 128],
        [64, 0, 0],
        [192, 128, 128],
        [224, 224, 192],
    ]


@pytest.mark.reference
@pytest.mark.parametrize("name", ["pascal", "cityscapes"])
def test_palettes_equal_the_original(reference, name):
    recorded = np.load(reference / "reference" / "official" / "functions.npz")
    palette = getattr(palettes, f"{name}_palette")()
    np.testing.assert_array_equal(palette, recorded[f"colormap/{name}"])
    np.testing.assert_array_equal(
        palettes.color_labels(recorded["colormap/labels"], palette),
        recorded[f"colormap/labels_{name}"],
    )


def test_color_labels_takes_any_palette():
    painted = palettes.color_labels([[0, 1]], ((1, 2, 3), (4, 5, 6)))
    assert painted.dtype == np.uint8
    assert painted.tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_color_labels_ignores():
    palette = ((1, 2, 3), (4, 5, 6))
    labels = np.array([[1, 255]], np.int32)
    painted = palettes.color_labels(labels, palette, ignore_label=255)
    assert painted.tolist() == [[[4, 5, 6], [255, 255, 255]]]
    painted = palettes.color_labels(
        labels, palette, ignore_label=255, ignore_color=(9, 8, 7)
    )
    assert painted.tolist() == [[[4, 5, 6], [9, 8, 7]]]


@pytest.mark.parametrize("label", [-1, 2, 255])
def test_color_labels_without_a_colour_is_an_error(label):
    with pytest.raises(ValueError, match="less than the palette's 2 colours"):
        palettes.color_labels([[0, label]], ((1, 2, 3), (4, 5, 6)))


def test_color_labels_takes_integers_only():
    with pytest.raises(ValueError, match="must be integers"):
        palettes.color_labels([[0.5]], ((1, 2, 3),))
