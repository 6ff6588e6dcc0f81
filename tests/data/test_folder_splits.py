# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.folder_splits."""

import pytest

from deeplab_tf.data.folder_layout import find_files, find_parts
from deeplab_tf.data.folder_splits import split_folder

from .test_folder_layout import touch


def split(root, **options):
    files = [find_files(part) for part in find_parts(root)]
    return split_folder(root, files, **options)


def names_of(splits):
    return {name: [p.name for p in pairs] for name, pairs in splits.pairs.items()}


@pytest.fixture
def letters(tmp_path):
    """Ten images a to j in one folder, each with its mask."""
    for name in "abcdefghij":
        touch(tmp_path, f"images/{name}.jpg", f"masks/{name}.png")
    return tmp_path


def test_fraction_depends_on_names_and_seed_alone(letters):
    first = names_of(split(letters))
    assert sorted(first["train"] + first["val"]) == list("abcdefghij")
    assert len(first["val"]) == 2
    assert names_of(split(letters)) == first
    others = [names_of(split(letters, seed=seed)) for seed in range(1, 4)]
    assert any(other != first for other in others)
    # One image more moves at most one to the other side.
    touch(letters, "images/k.jpg", "masks/k.png")
    assert len(set(names_of(split(letters))["val"]) & set(first["val"])) >= 1
    note = split(letters, val_fraction=0.5).notes[0]
    assert note.startswith("6 of 11 images are for validation, drawn by --seed=0")


def test_each_side_has_an_image(letters):
    assert len(split(letters, val_fraction=0.01).pairs["val"]) == 1
    assert len(split(letters, val_fraction=0.99).pairs["train"]) == 1


def test_everything_may_be_for_training(letters):
    splits = split(letters, val_fraction=0)
    assert list(splits.pairs) == ["train"]
    assert "evaluation needs --eval_split" in splits.notes[-1]


@pytest.mark.parametrize("fraction", [-0.1, 1.0])
def test_fraction_out_of_range_is_an_error(letters, fraction):
    with pytest.raises(ValueError, match="--val_fraction must lie in"):
        split(letters, val_fraction=fraction)


def test_one_image_cannot_be_divided(tmp_path):
    touch(tmp_path, "images/a.jpg", "masks/a.png")
    with pytest.raises(ValueError, match=r"one image alone, .*a\.jpg"):
        split(tmp_path)


def test_lists_name_images_in_many_ways(letters):
    lists = letters / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text("a\nb.jpg\r\n\n./images/c.jpg masks/c.png\n")
    (lists / "valid.txt").write_text("/data/set/images/d.jpg\nimages\\e.jpg\n")
    (lists / "extra.txt").write_text("f\n")
    splits = split(letters, list_folder=lists)
    assert names_of(splits) == {
        "train": ["a", "b", "c"],
        "val": ["d", "e"],
        "extra": ["f"],
    }
    assert splits.pairs["val"][0].named_by == lists / "valid.txt"


def test_lists_beside_the_images_are_found(letters):
    (letters / "train.txt").write_text("a\nb\n")
    (letters / "val.txt").write_text("c\n")
    (letters / "classes.txt").write_text("soil\n")
    (letters / "test.txt").write_text("of other images\n")
    assert names_of(split(letters)) == {"train": ["a", "b"], "val": ["c"]}


def test_lists_choose_among_folders_of_splits(tmp_path):
    for name in ("train/a", "train/b", "val/a"):
        touch(tmp_path, f"images/{name}.jpg", f"masks/{name}.png")
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text("b\ntrain/a\n")
    splits = split(tmp_path, list_folder=lists)
    images = [pair.image.relative_to(tmp_path) for pair in splits.pairs["train"]]
    assert [path.as_posix() for path in images] == [
        "images/train/b.jpg",
        "images/train/a.jpg",
    ]
    (lists / "train.txt").write_text("a\n")
    with pytest.raises(ValueError, match="names a, which is in several folders"):
        split(tmp_path, list_folder=lists)


def test_lines_that_name_no_image_are_an_error(letters):
    (letters / "lists").mkdir()
    (letters / "lists" / "train.txt").write_text("a\nz\n")
    with pytest.raises(
        ValueError, match=r"train\.txt: 1 of 2 lines name no image .* z"
    ):
        split(letters, list_folder=letters / "lists")


def test_folder_of_lists_must_hold_some_and_one_of_each(letters):
    with pytest.raises(FileNotFoundError, match=r"masks holds no list \(\*\.txt\)"):
        split(letters, list_folder=letters / "masks")
    (letters / "lists").mkdir()
    for name in ("val", "valid"):
        (letters / "lists" / f"{name}.txt").write_text("a\n")
    with pytest.raises(ValueError, match="another list of the split val"):
        split(letters, list_folder=letters / "lists")


def test_folders_of_splits_come_in_order_and_test_needs_no_masks(tmp_path):
    touch(tmp_path, "images/test/c.jpg", "images/train/a.jpg", "images/val/b.jpg")
    touch(tmp_path, "masks/train/a.png", "masks/val/b.png")
    splits = split(tmp_path)
    assert names_of(splits) == {"train": ["a"], "val": ["b"], "test": ["c"]}
    assert splits.pairs["test"][0].labels is None
    assert splits.masks == [
        tmp_path / "masks/train/a.png",
        tmp_path / "masks/val/b.png",
    ]
    assert splits.notes == ("The split test has no masks: stored without labels.",)


def test_missing_masks_are_an_error_unless_they_are_skipped(letters):
    (letters / "masks" / "c.png").rename(letters / "masks" / "z.png")
    message = r"1 of 10 images have no mask: .*c\.jpg\. 1 masks belong to no image .*z"
    with pytest.raises(ValueError, match=message):
        split(letters)
    splits = split(letters, skip_missing=True)
    assert sum(map(len, splits.pairs.values())) == 9
    assert "1 of 10 images left out, without mask" in splits.notes[1]
    assert "1 masks belong to no image and are not used" in splits.notes[2]


def test_a_split_without_any_mask_cannot_be_skipped(tmp_path):
    for name in ("train/a", "val/b"):
        touch(tmp_path, f"images/{name}.jpg")
    touch(tmp_path, "masks/train/a.png", "masks/val/x.png")
    with pytest.raises(ValueError, match="1 of 2 images have no mask"):
        split(tmp_path, skip_missing=True)


def test_images_on_both_sides_are_noted(letters):
    (letters / "train.txt").write_text("a\nb\n")
    (letters / "val.txt").write_text("b\n")
    assert "1 images are in both train and val" in split(letters).notes[-1]
