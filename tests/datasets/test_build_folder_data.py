# Licensed under the Apache License, Version 2.0.
"""Tests of datasets/build_folder_data.py."""

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data import dataset_json
from tests.data import mask_folder

from . import scripts

# Broken trees of VOC, and what must be said of them here.
REJECTED = {
    "01_size_mismatch": "SegmentationClass/2007_900023.png is 180 x 254",
    "02_missing_annotation": "1 of 3 images have no mask",
    "03_list_names_absent_file": "lines name no image in",
    "04_empty_list": "train.txt names no example",
    "05_truncated_jpeg": "JPEGImages/2007_900023.jpg cannot be decoded",
    "06_zero_byte_image": "JPEGImages/2007_900023.jpg is empty",
    "07_label_out_of_range": "37 occurs in 1 of 3 masks",
    "13_label_rgb": "Masks hold colours",
    "14_label_jpeg_bytes": "1 of 3 masks are JPEG",
}
ACCEPTED = {
    "08_greyscale_jpeg": "",
    "10_exif_rotated": "orientation 6",
    "11_label_png16": "",
    "12_label_png16_scaled": "16 bits and value x 257: read as 8 bits",
    "17_list_duplicate": "2007_900023 more than once",
    "18_all_void_label": "every pixel is ignored",
    "19_image_rgba_png16": "alpha",
}


def build(root, *flags):
    return scripts.run_here("build_folder_data", f"--data_root={root}", *flags)


def build_voc(reference, name, output_dir, *flags):
    tree = reference / "data" / "layouts_broken" / name / "VOCdevkit" / "VOC2012"
    names = ",".join(f"class_{i}" for i in range(21))
    return build(
        tree,
        f"--split_lists={tree / 'ImageSets' / 'Segmentation'}",
        f"--class_names={names}",
        f"--output_dir={output_dir}",
        *flags,
    )


def test_black_and_white_masks_need_no_flag(tmp_path):
    masks = {name: [0, 255, 255] for name in "abcde"}
    root = mask_folder.write_folder(tmp_path / "photos", masks, end="_mask")
    result = build(root)
    assert result.code == 0, result.err
    assert "note: Masks hold black and one other value, 255: taken as" in result.err
    assert "1  foreground" in result.out
    assert "66.667%" in result.out
    assert result.out.rstrip().endswith("train 4, val 1 examples in 4 files each.")
    info = dataset_json.load_dataset_info(root / "tfrecord")
    assert info.name == "photos"
    assert info.classes == ("background", "foreground")
    assert dict(info.splits) == {"train": 4, "val": 1}
    examples = scripts.read_split(root / "tfrecord", "train")
    assert scripts.label_pixels(next(iter(examples.values()))) == {"0": 8, "1": 16}


def test_colors_become_the_ids_of_their_table(tmp_path):
    values = [[0, 0, 0], [0, 200, 0], [255, 255, 255]]
    root = mask_folder.write_folder(tmp_path, {"a": values, "b": values})
    (tmp_path / "colors.csv").write_text("name,r,g,b\nsoil,0,0,0\ncrop,0,200,0\n")
    flags = (
        f"--color_table={tmp_path / 'colors.csv'}",
        f"--output_dir={tmp_path / 'records'}",
    )
    result = build(root, *flags)
    assert result.code == 1
    assert "a.png holds (255, 255, 255) (8 pixels), not in the colour table" in (
        result.err
    )
    result = build(root, *flags, "--ignore_color=255,255,255", "--ignore_label=9")
    assert result.code == 0, result.err
    for split in ("train", "val"):
        (example,) = scripts.read_split(tmp_path / "records", split).values()
        assert example["labels"].ravel().tolist() == [0, 1, 9] * 8
    info = dataset_json.load_dataset_info(tmp_path / "records")
    assert info.palette == ((0, 0, 0), (0, 200, 0))
    assert (info.classes, info.ignore_label) == (("soil", "crop"), 9)


def test_palette_and_ids_with_names_of_a_file(tmp_path):
    palette = [(9, 9, 9), (200, 0, 0), (0, 0, 200)]
    root = mask_folder.write_folder(
        tmp_path, {"a": [0, 1], "b": [2, 1]}, palette=palette
    )
    (tmp_path / "names.txt").write_text("soil\ncrop\nweed\n")
    result = build(root, f"--class_names={tmp_path / 'names.txt'}", "--dataset_name=f")
    assert result.code == 0, result.err
    info = dataset_json.load_dataset_info(root / "tfrecord")
    assert (info.name, info.classes) == ("f", ("soil", "crop", "weed"))
    assert info.palette == tuple(palette)


def test_test_images_are_stored_without_labels(tmp_path):
    for split, values in {"train": [0, 1, 2], "valid": [0, 255]}.items():
        mask_folder.write_image(tmp_path / "images" / split / f"{split}.jpg")
        mask_folder.write_mask(tmp_path / "masks" / split / f"{split}.png", values)
    mask_folder.write_image(tmp_path / "images" / "test" / "unknown.jpg")
    result = build(tmp_path)
    assert result.code == 0, result.err
    assert "note: The split test has no masks: stored without labels." in result.err
    assert "note: the split val holds no pixel of class_1, class_2" in result.err
    assert "train 1, val 1, test 1 examples" in result.out
    test = scripts.read_split(tmp_path / "tfrecord", "test")
    assert list(test) == ["unknown"]
    assert "labels" not in test["unknown"]


def test_image_that_was_turned_by_its_camera_fits_its_mask(tmp_path):
    root = mask_folder.write_folder(tmp_path, {"a": [0, 1], "b": [0, 1]})
    turned = Image.new("RGB", mask_folder.SIZE)  # Width and height exchanged.
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(root / "images" / "a.jpg", exif=exif)
    result = build(root)
    assert result.code == 0, result.err
    assert "orientation 6" in result.err


def test_sixteen_bits_in_black_and_white_are_read(tmp_path):
    root = mask_folder.write_folder(tmp_path, {"a": [0, 65535], "b": [0, 65535]})
    result = build(root)
    assert result.code == 0, result.err
    assert "2 of 2 masks have 16 bits and value x 257" in result.err
    examples = scripts.read_split(root / "tfrecord", "val")
    assert set(np.unique(next(iter(examples.values()))["labels"])) == {0, 1}


def test_second_build_with_other_flags_replaces_the_first(tmp_path):
    root = mask_folder.write_folder(tmp_path, {"a": [0, 1, 2], "b": [0, 1, 2]})
    assert build(root).code == 0
    assert build(root, "--class_names=soil,crop,weed").code == 0
    info = dataset_json.load_dataset_info(root / "tfrecord")
    assert info.classes == ("soil", "crop", "weed")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "--data_root must be given"),
        (("--data_root=nowhere",), "nowhere is no folder: expected images and masks"),
        (("--data_root=x", "--class_names=names"), "no such file, and it is no list"),
        (("--data_root=x", "--ignore_color=red"), "A colour is r,g,b"),
        (("--data_root=x", "--binary", "--color_table=c"), "give one of them"),
    ],
)
def test_wrong_flags_end_with_one_line(flags, message):
    result = scripts.run_here("build_folder_data", *flags)
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert message in result.err


@pytest.mark.reference
@pytest.mark.parametrize("name", REJECTED)
def test_broken_tree_is_rejected_with_a_reason(reference, tmp_path, name):
    result = build_voc(reference, name, tmp_path)
    assert result.code == 1
    assert REJECTED[name] in result.err
    assert not list(tmp_path.rglob("*.tfrecord"))


@pytest.mark.reference
@pytest.mark.parametrize("name", ACCEPTED)
def test_awkward_tree_is_read(reference, tmp_path, name):
    result = build_voc(reference, name, tmp_path)
    assert result.code == 0, result.err
    assert ACCEPTED[name] in result.err


@pytest.mark.reference
def test_mixed_masks_are_read_by_color(reference, tmp_path):
    names = ("background", "plane", "bird", "sheep")
    colors = ("0 0 0", "128 0 0", "128 128 0", "128 64 0")
    lines = [f"{name} {color}" for name, color in zip(names, colors, strict=True)]
    (tmp_path / "table.txt").write_text("\n".join(lines))
    tree = reference / "data" / "layouts_broken" / "13_label_rgb"
    result = build(
        tree / "VOCdevkit" / "VOC2012",
        f"--color_table={tmp_path / 'table.txt'}",
        "--ignore_color=224,224,192",
        f"--output_dir={tmp_path / 'records'}",
        "--val_fraction=0",
    )
    assert result.code == 0, result.err
    found = scripts.read_split(tmp_path / "records", "train")
    labels = {name: set(np.unique(e["labels"])) for name, e in found.items()}
    assert labels == {
        "2007_900001": {0, 1, 255},
        "2007_900023": {0, 3, 255},
        "2012_900003": {0, 2, 255},
    }
