# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.folder_examples."""

import pytest

from deeplab_tf.data.folder_examples import (
    FolderOptions,
    describe_examples,
    list_examples,
)
from deeplab_tf.data.mask_labels import BlackAndWhite, ColorIds

from . import mask_folder


def describe(root, **options):
    options = FolderOptions(**options)
    return describe_examples(root, list_examples(root, options), options)


def test_folder_becomes_a_data_set(tmp_path):
    root = mask_folder.write_folder(
        tmp_path / "fields", {"a": [0, 255], "b": [255], "c": [0]}, end="_mask"
    )
    found = describe(root)
    assert found.info.name == "fields"
    assert found.info.classes == ("background", "foreground")
    assert found.info.has_background
    assert found.info.ignore_label == 255
    assert found.info.image_size == mask_folder.SIZE
    pairs = [*found.pairs["train"], *found.pairs["val"]]
    assert sorted(pair.name for pair in pairs) == ["a", "b", "c"]
    assert all(pair.read == BlackAndWhite(threshold=128) for pair in pairs)
    assert [note.split(" ", 1)[0] for note in found.notes] == [
        "Masks",  # Their end, _mask.
        "1",  # For validation.
        "2",  # Of one value.
        "Masks",  # Two classes.
    ]


def test_color_table_and_ignored_colors(tmp_path):
    values = [[0, 0, 0], [0, 200, 0], [9, 9, 9]]
    root = mask_folder.write_folder(tmp_path, {"a": values, "b": values})
    table = tmp_path / "colors.txt"
    table.write_text("soil 0 0 0\ncrop 0 200 0\n")
    found = describe(
        root, color_table=table, ignore_colors=((9, 9, 9),), ignore_label=7, name="x"
    )
    assert (found.info.name, found.info.classes) == ("x", ("soil", "crop"))
    assert found.info.ignore_label == 7
    read = found.pairs["val"][0].read
    assert isinstance(read, ColorIds)
    assert read.table.ignored == {(9, 9, 9)}
    assert read.ignore_label == 7


def test_progress_counts_each_mask_once(tmp_path):
    root = mask_folder.write_folder(tmp_path, {"a": [0, 1], "b": [0, 1]})
    for split in ("train", "trainval"):
        (root / f"{split}.txt").write_text("a\nb\n")
    options = FolderOptions()
    splits = list_examples(root, options)
    done = []
    describe_examples(root, splits, options, progress=done.append)
    assert done == [1, 2]
    assert len(splits.masks) == 2


def test_folder_without_any_mask_is_an_error(tmp_path):
    mask_folder.write_image(tmp_path / "test" / "images" / "a.jpg")
    with pytest.raises(ValueError, match="no image has a mask"):
        list_examples(tmp_path, FolderOptions())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore_colors": ((1, 2, 3),)}, "--ignore_color belongs to a --color_table"),
        ({"color_table": "x", "binary": True}, "--color_table says what --binary says"),
        ({"color_table": "x", "class_names": ("a", "b")}, "what --class_names says"),
        ({"class_names": ("a", "b", "a")}, "a name of its own, got a, b, a"),
    ],
)
def test_options_that_contradict_each_other(options, message):
    with pytest.raises(ValueError, match=message):
        FolderOptions(**options)
