# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.mask_meaning."""

import pytest

from deeplab_tf.data.color_table import ColorTable
from deeplab_tf.data.mask_labels import BlackAndWhite, ColorIds, MaskIds
from deeplab_tf.data.mask_meaning import understand_masks
from deeplab_tf.data.mask_survey import survey_masks

from . import mask_folder

GREYS = ColorTable(
    classes=("a", "b", "c"),
    palette=((0, 0, 0), (150, 150, 150), (250, 250, 250)),
    ids={(0, 0, 0): 0, (150, 150, 150): 1, (250, 250, 250): 2},
)


def understand(tmp_path, *masks, palette=None, format=None, **options):
    paths = []
    for number, values in enumerate(masks):
        paths.append(tmp_path / f"{number}.png")
        mask_folder.write_mask(paths[-1], values, palette=palette, format=format)
    return understand_masks(survey_masks(paths), **options)


def text_of(meaning):
    return "\n".join(meaning.notes)


@pytest.mark.parametrize(
    ("values", "threshold"),
    [
        ([0, 255], 128),
        ([0, 1], 1),
        ([0, 100], 50),
        ([[0, 0, 0], [255, 0, 0]], 128),
        ([[0, 0, 0], [255, 255, 255]], 128),
    ],
    ids=["0 and 255", "0 and 1", "0 and 100", "red", "RGB"],
)
def test_black_and_one_other_value_are_two_classes(tmp_path, values, threshold):
    meaning = understand(tmp_path, values)
    assert meaning.classes == ("background", "foreground")
    assert meaning.has_background
    assert meaning.read == BlackAndWhite(threshold=threshold)
    assert "taken as two classes, background and foreground" in text_of(meaning)


def test_two_classes_take_their_names_and_their_color(tmp_path):
    values = [[0, 0, 0], [0, 90, 200]]
    meaning = understand(tmp_path, values, class_names=("soil", "crop"))
    assert meaning.classes == ("soil", "crop")
    assert meaning.palette == ((0, 0, 0), (0, 90, 200))
    assert not meaning.has_background


def test_palette_counts_by_index_but_for_black_and_white(tmp_path):
    white, black, red = (255, 255, 255), (0, 0, 0), (255, 0, 0)
    meaning = understand(tmp_path, [0, 1], palette=[white, black])
    assert meaning.read == BlackAndWhite(threshold=128)
    meaning = understand(tmp_path, [0, 1], palette=[red, black])
    assert meaning.read == MaskIds()
    assert meaning.palette == (red, black)


def test_two_values_of_which_one_is_said_to_be_ignored_are_one_class(tmp_path):
    with pytest.raises(ValueError, match="0 or ignored, which is one class alone"):
        understand(tmp_path, [0, 255], ignore_label=255)


def test_ids_without_gaps_are_classes(tmp_path):
    meaning = understand(tmp_path, [0, 2], [1, 255])
    assert meaning.classes == ("class_0", "class_1", "class_2")
    assert meaning.palette == ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    assert meaning.read == MaskIds()
    assert "12 pixels of the value 255 are ignored" in text_of(meaning)
    assert "3 classes" in text_of(meaning)


def test_palette_gives_the_colors(tmp_path):
    palette = [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
    meaning = understand(tmp_path, [0, 1, 2], palette=palette)
    assert meaning.palette == tuple(palette)


def test_ignore_label_may_be_among_the_ids(tmp_path):
    meaning = understand(tmp_path, [0, 1, 2, 3], ignore_label=0)
    assert len(meaning.classes) == 4
    meaning = understand(tmp_path, [0, 1, 2, 3], ignore_label=3)
    assert len(meaning.classes) == 3


def test_names_say_how_many_classes_there_are(tmp_path):
    meaning = understand(tmp_path, [0, 2], class_names=("a", "b", "c", "d"))
    assert meaning.classes == ("a", "b", "c", "d")
    assert "No mask holds b, d." in text_of(meaning)


def test_values_that_are_no_ids_come_with_the_table_that_would_help(tmp_path):
    with pytest.raises(ValueError, match="the values 0, 150, 250") as caught:
        understand(tmp_path, [0, 150, 250], class_names=("a", "b", "c"))
    assert "150 occurs in 1 of 1 masks, first in" in str(caught.value)
    assert "  a 0 0 0\n  b 150 150 150\n  c 250 250 250" in str(caught.value)
    with pytest.raises(ValueError, match="class_2 250 250 250"):
        understand(tmp_path, [0, 150, 250])
    palette = [(0, 0, 0), (1, 1, 1), (9, 8, 7)]
    with pytest.raises(ValueError, match="class_1 9 8 7"):
        understand(tmp_path, [0, 2, 255], palette=palette + [(0, 0, 0)] * 253)


def test_unknown_values_may_be_ignored(tmp_path):
    options = {"class_names": ("a", "b"), "ignore_unknown": True}
    assert understand(tmp_path, [0, 1, 9], **options).read == MaskIds()


def test_soft_borders_ask_for_binary(tmp_path):
    soft = [0] * 400 + [255] * 400 + list(range(1, 200, 5))
    mask_folder.write_mask(tmp_path / "a.png", soft, size=(30, 28))
    survey = survey_masks([tmp_path / "a.png"])
    with pytest.raises(ValueError, match="soft borders: --binary"):
        understand_masks(survey)
    meaning = understand_masks(survey, binary=True)
    assert meaning.read == BlackAndWhite(threshold=128)
    assert "42 values from 0 to 255: class 1 from 128 on" in text_of(meaning)


def test_many_values_ask_for_names(tmp_path):
    mask_folder.write_mask(tmp_path / "a.png", range(1, 100), size=(10, 10))
    with pytest.raises(ValueError, match="name all classes with --class_names"):
        understand_masks(survey_masks([tmp_path / "a.png"]))


@pytest.mark.parametrize("values", [[0], [0, 0, 255]], ids=["0", "0 and ignored"])
def test_one_class_alone_is_an_error(tmp_path, values):
    with pytest.raises(ValueError, match="one class alone"):
        understand(tmp_path, values, ignore_label=255)


def test_all_ignored_and_all_black_are_errors(tmp_path):
    with pytest.raises(ValueError, match="is 255, the ignore label"):
        understand(tmp_path, [255])
    with pytest.raises(ValueError, match="black: there is one class alone"):
        understand(tmp_path, [0], binary=True)


def test_masks_of_one_value_are_noted(tmp_path):
    meaning = understand(tmp_path, [0], [0, 1])
    assert f"1 of 2 masks hold one value alone, as {tmp_path / '0.png'}." in (
        meaning.notes
    )


def test_jpeg_is_an_error_unless_it_can_be_cut(tmp_path):
    with pytest.raises(ValueError, match=r"1 of 1 masks are JPEG, as .*0\.png.*binary"):
        understand(tmp_path, [0, 255], format="JPEG")
    meaning = understand(tmp_path, [0, 255], format="JPEG", binary=True)
    assert "are JPEG, which is lossy" in text_of(meaning)


def test_colors_need_a_table_which_the_message_begins(tmp_path):
    values = [[0, 0, 0], [255, 0, 0], [0, 255, 0]]
    with pytest.raises(ValueError, match=r"Masks hold colours, as .*0\.png") as caught:
        understand(tmp_path, values)
    assert "  class_0 0 0 0\n  class_1 0 255 0\n  class_2 255 0 0" in str(caught.value)


def test_photos_are_no_masks(tmp_path):
    values = [[i, 0, 1] for i in range(24)] + [[i, 1, 2] for i in range(24)]
    mask_folder.write_mask(tmp_path / "a.png", values, size=(6, 8))
    with pytest.raises(ValueError, match="48 colours or more"):
        understand_masks(survey_masks([tmp_path / "a.png"]))


def test_table_decides_by_color(tmp_path):
    meaning = understand(tmp_path, [0, 150, 250, 255], color_table=GREYS)
    assert meaning.classes == ("a", "b", "c")
    assert meaning.read == ColorIds(table=GREYS, ignore_label=255)
    assert not meaning.notes


def test_table_only_names_masks_of_ids(tmp_path):
    meaning = understand(tmp_path, [0, 1, 2, 255], color_table=GREYS)
    assert meaning.read == MaskIds()
    assert meaning.palette == GREYS.palette
    assert "Masks hold ids, not the colours of --color_table" in text_of(meaning)


def test_names_of_two_classes_must_be_two(tmp_path):
    with pytest.raises(ValueError, match="two classes, got 3 names: a, b, c"):
        understand(tmp_path, [0, 255], binary=True, class_names=("a", "b", "c"))
