# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.folder_layout."""

import pytest

from deeplab_tf.data.folder_layout import FolderPart, find_files, find_parts, list_some


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def part(root, images="images", masks="masks", split=None):
    masks = None if masks is None else root / masks
    return FolderPart(split=split, images=root / images, masks=masks)


@pytest.mark.parametrize("masks", ["masks", "labels", "annotations", "Labels"])
def test_usual_names_of_folders_are_found(tmp_path, masks):
    touch(tmp_path, "images/a.jpg", f"{masks}/a.png", "labels.txt", "tfrecord/x")
    assert find_parts(tmp_path) == [part(tmp_path, masks=masks)]


def test_other_names_are_given(tmp_path):
    touch(tmp_path, "x/rgb/a.jpg", "truth/a.png", "images/b.jpg", "masks/b.png")
    (found,) = find_parts(tmp_path, image_folder="x/rgb", mask_folder="truth")
    assert found == part(tmp_path, images="x/rgb", masks="truth")


def test_folders_of_splits_are_parts(tmp_path):
    for split in ("train", "valid", "Test"):
        touch(tmp_path, f"images/{split}/a.jpg", f"masks/{split}/a.png")
    found = find_parts(tmp_path)
    assert [(p.split, p.images.name, p.masks.name) for p in found] == [
        ("test", "Test", "Test"),
        ("train", "train", "train"),
        ("val", "valid", "valid"),
    ]


def test_folders_of_splits_may_be_outside(tmp_path):
    touch(tmp_path, "train/images/a.jpg", "train/masks/a.png", "test/images/b.jpg")
    assert find_parts(tmp_path) == [
        part(tmp_path, images="test/images", masks=None, split="test"),
        part(tmp_path, images="train/images", masks="train/masks", split="train"),
    ]


def test_masks_of_split_folders_may_lie_together_and_those_of_test_be_absent(tmp_path):
    touch(tmp_path, "images/train/a.jpg", "images/test/b.jpg", "masks/a.png")
    assert {p.masks for p in find_parts(tmp_path)} == {tmp_path / "masks"}
    touch(tmp_path, "masks/train/a.png")
    assert [p.masks for p in find_parts(tmp_path)] == [None, tmp_path / "masks/train"]


def test_missing_masks_of_a_split_are_an_error(tmp_path):
    touch(tmp_path, "images/train/a.jpg", "images/val/b.jpg", "masks/train/a.png")
    with pytest.raises(
        FileNotFoundError, match=r"masks of the split val; it has train"
    ):
        find_parts(tmp_path)


def test_images_outside_of_split_folders_are_noted(tmp_path):
    touch(tmp_path, "images/train/a.jpg", "images/b.jpg", "masks/train/a.png")
    (found,) = find_parts(tmp_path)
    assert found.notes == (
        f"Left out, in no folder of a split in {tmp_path / 'images'}: b.jpg.",
    )


def test_two_folders_of_a_split_are_an_error(tmp_path):
    touch(tmp_path, "images/val/a.jpg", "images/valid/b.jpg", "masks/a.png")
    with pytest.raises(ValueError, match=r"val and .*valid both mean the split val"):
        find_parts(tmp_path)


def test_several_folders_of_masks_are_an_error_but_boxes_are_none(tmp_path):
    touch(tmp_path, "images/a.jpg", "masks/a.png", "labels/a.txt", "annotations/a.xml")
    assert find_parts(tmp_path) == [part(tmp_path)]
    touch(tmp_path, "annotations/a.png")
    with pytest.raises(ValueError, match=r"annotations and masks: .* --mask_folder"):
        find_parts(tmp_path)


def test_missing_folders_are_named_with_what_is_there(tmp_path):
    touch(tmp_path, "masks/a.png", "pictures/a.jpg")
    with pytest.raises(
        FileNotFoundError, match=r"--image_folder\. It holds masks, pict"
    ):
        find_parts(tmp_path)
    with pytest.raises(FileNotFoundError, match="truth is no folder: expected masks"):
        find_parts(tmp_path, image_folder="pictures", mask_folder="truth")
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        find_parts(tmp_path / "nowhere")


def test_files_are_found_in_folders_below_and_hidden_ones_are_not(tmp_path):
    touch(tmp_path, "images/north/a.JPG", "images/.cache/b.jpg", "images/._c.jpg")
    touch(tmp_path, "masks/north/a.png", "masks/__MACOSX/a.png", "images/notes.txt")
    files = find_files(part(tmp_path))
    assert files.images == {"north/a": tmp_path / "images/north/a.JPG"}
    assert files.masks == {"north/a": tmp_path / "masks/north/a.png"}


def test_ends_of_names_are_taken_away(tmp_path):
    touch(tmp_path, "images/a_rgb.jpg", "images/b.jpg", "masks/a_gt.png")
    files = find_files(part(tmp_path), image_suffix="_rgb", mask_suffix="_gt")
    assert list(files.images) == list(files.masks) == ["a"]


@pytest.mark.parametrize("end", ["_mask", ".seg", "-1"])
def test_end_of_the_masks_is_found_out(tmp_path, end):
    names = ["a", "b", "a_b", "c1", "c10"]
    touch(tmp_path, *(f"images/{name}.jpg" for name in names))
    touch(tmp_path, *(f"masks/{name}{end}.png" for name in names))
    files = find_files(part(tmp_path))
    assert set(files.masks) == set(names)
    assert files.notes == (f"Masks are called <image>{end}.* in {tmp_path / 'masks'}.",)


def test_names_that_have_nothing_in_common_stay(tmp_path):
    touch(tmp_path, "images/a.jpg", "images/b.jpg", "masks/x.png", "masks/y.png")
    assert set(find_files(part(tmp_path)).masks) == {"x", "y"}


def test_images_and_masks_may_share_a_folder(tmp_path):
    touch(tmp_path, "images/a.jpg", "images/a_mask.png")
    shared = part(tmp_path, masks="images")
    files = find_files(shared, mask_suffix="_mask")
    assert list(files.images) == list(files.masks) == ["a"]
    with pytest.raises(ValueError, match="images and masks: give --mask_suffix"):
        find_files(shared)


def test_two_files_of_one_name_are_an_error(tmp_path):
    touch(tmp_path, "images/a.jpg", "images/a.png", "masks/a.png")
    with pytest.raises(ValueError, match=r"only in their ending: a\.jpg and a\.png"):
        find_files(part(tmp_path))


def test_folder_without_images_is_named(tmp_path):
    touch(tmp_path, "images/a.jpg", "masks/a.png")
    with pytest.raises(FileNotFoundError, match=r"images holds no image \(_x\.\*\)"):
        find_files(part(tmp_path), image_suffix="_x")


def test_long_lists_are_cut():
    assert list_some("abc") == "a, b, c"
    assert list_some(str(i) for i in range(12)).endswith("8, 9, and 2 more")
