# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.mask_survey."""

import numpy as np
import pytest

from deeplab_tf.data.mask_survey import Count, survey_masks

from . import mask_folder

PIXELS = mask_folder.SIZE[0] * mask_folder.SIZE[1]


def survey(tmp_path, *masks, **options):
    """Surveys masks a.png, b.png, ... that hold some values each."""
    paths = [tmp_path / f"{name}.png" for name, _ in zip("abcdef", masks, strict=False)]
    for path, values in zip(paths, masks, strict=True):
        mask_folder.write_mask(path, values, **options)
    return survey_masks(paths)


def test_grey_values_are_counted_over_all_masks(tmp_path):
    found = survey(tmp_path, [0, 1], [0, 1, 255], [1])
    half, third = PIXELS // 2, PIXELS // 3
    a, b = tmp_path / "a.png", tmp_path / "b.png"
    assert found.num_masks == 3
    assert found.numbers == {
        0: Count(pixels=half + third, masks=2, first=a),
        1: Count(pixels=half + third + PIXELS, masks=3, first=a),
        255: Count(pixels=third, masks=1, first=b),
    }
    assert found.uniform == (tmp_path / "c.png",)
    assert found.size == mask_folder.SIZE
    assert set(found.all_colors) == {(0, 0, 0), (1, 1, 1), (255, 255, 255)}
    assert found.brightest == 255


def test_grey_in_rgb_counts_as_grey_and_other_colors_do_not(tmp_path):
    found = survey(tmp_path, [[0, 0, 0], [7, 7, 7]], [[0, 0, 0], [7, 0, 0]])
    assert list(found.greys) == [0, 7]
    assert list(found.colors) == [(0, 0, 0), (7, 0, 0)]
    assert found.grey_rgb == (tmp_path / "a.png",)
    assert found.grey == ()


def test_palette_masks_show_indices_and_colors(tmp_path):
    found = survey(tmp_path, [0, 2], palette=[(1, 2, 3), (4, 5, 6), (7, 8, 9)])
    assert list(found.indices) == list(found.numbers) == [0, 2]
    assert list(found.palette_colors) == [(1, 2, 3), (7, 8, 9)]
    assert found.palette[:3] == ((1, 2, 3), (4, 5, 6), (7, 8, 9))


def test_stretched_and_lossy_masks_are_listed(tmp_path):
    found = survey(tmp_path, [0, 257 * 3])
    assert list(found.greys) == [0, 3]
    assert found.scaled == (tmp_path / "a.png",)
    found = survey(tmp_path, [0], format="JPEG")
    assert found.lossy == (tmp_path / "a.png",)


def test_masks_of_several_sizes_have_no_size(tmp_path):
    mask_folder.write_mask(tmp_path / "x.png", [0], size=(2, 2))
    mask_folder.write_mask(tmp_path / "y.png", [0])
    assert survey_masks([tmp_path / "x.png", tmp_path / "y.png"]).size is None


def test_photo_is_counted_in_bounded_memory(tmp_path):
    values = np.stack([np.arange(600) % 256, np.arange(600) // 256, np.full(600, 9)], 1)
    mask_folder.write_mask(tmp_path / "a.png", values, size=(20, 30))
    assert len(survey_masks([tmp_path / "a.png"]).colors) == 256


def test_all_masks_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"text")
    mask_folder.write_mask(tmp_path / "c.png", [0])
    paths = [tmp_path / f"{name}.png" for name in "abcd"]
    done = []
    with pytest.raises(ValueError, match="3 of 4 masks cannot be used") as caught:
        survey_masks(paths, progress=done.append)
    message = str(caught.value)
    assert "a.png is empty" in message
    assert "b.png is no image file" in message
    assert "d.png: No such file" in message
    assert done == [1, 2, 3, 4]
