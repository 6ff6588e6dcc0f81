# Licensed under the Apache License, Version 2.0.
"""Tests of datasets/build_voc2012_data.py."""

import json

import numpy as np
import pytest

from deeplab_tf.data import dataset_json, file_examples, record_writer
from deeplab_tf.data.catalog.voc2012 import VOC2012

from . import scripts

ACCEPTED = {
    "08_greyscale_jpeg": "",
    "09_cmyk_jpeg": "2007_900023.jpg is CMYK",
    "10_exif_rotated": "orientation 6",
    "11_label_png16": "",
    "15_image_png_bytes": "holds PNG",
    "16_list_crlf_and_blanks": "",
    "17_list_duplicate": "2007_900023 more than once",
    "18_all_void_label": "every pixel is ignored",
    "19_image_rgba_png16": "alpha",
}
REJECTED = {
    "01_size_mismatch": "SegmentationClass/2007_900023.png is 180 x 254",
    "02_missing_annotation": "SegmentationClass/2007_900023.png is missing",
    "03_list_names_absent_file": "JPEGImages/2099_000000.jpg and ",
    "04_empty_list": "Segmentation/train.txt names no example",
    "05_truncated_jpeg": "JPEGImages/2007_900023.jpg cannot be decoded",
    "06_zero_byte_image": "JPEGImages/2007_900023.jpg is empty",
    "07_label_out_of_range": "id 37 (600 pixels), id 200 (300 pixels)",
    "12_label_png16_scaled": "2007_900023.png is a 16-bit PNG",
    "13_label_rgb": "2007_900023.png holds RGB",
    "14_label_jpeg_bytes": "2007_900023.png holds JPEG",
}
# What the tree's sample holds where it was put in without a fault.
SOUND = "16_list_crlf_and_blanks"


def build(tree, output_dir):
    splits = scripts.load("build_voc2012_data").list_splits(
        tree / "ImageSets" / "Segmentation",
        image_folder=tree / "JPEGImages",
        label_folder=tree / "SegmentationClass",
        image_format="jpg",
    )
    items = {
        split: file_examples.file_items(pairs, info=VOC2012)
        for split, pairs in splits.items()
    }
    return record_writer.write_records(items, output_dir=output_dir, info=VOC2012)


def flags(tree, output_dir):
    return (
        f"--image_folder={tree / 'JPEGImages'}",
        f"--semantic_segmentation_folder={tree / 'SegmentationClass'}",
        f"--list_folder={tree / 'ImageSets' / 'Segmentation'}",
        "--image_format=jpg",
        f"--output_dir={output_dir}",
    )


def broken(reference, name):
    return reference / "data" / "layouts_broken" / name / "VOCdevkit" / "VOC2012"


@pytest.mark.reference
def test_miniature_tree_is_read_exactly(reference, tmp_path):
    layouts = reference / "data" / "layouts"
    build(layouts / "VOCdevkit" / "VOC2012", tmp_path)
    expected = json.loads((layouts / "expected.json").read_text())["voc"]
    info = dataset_json.load_dataset_info(tmp_path)
    assert dict(info.splits) == {"train": 2, "val": 2, "trainval": 4}
    found = {split: scripts.read_split(tmp_path, split) for split in info.splits}
    assert set(found["trainval"]) == set(expected)
    for name, facts in expected.items():
        for example in (found[facts["split"]][name], found["trainval"][name]):
            assert example["image"].shape == (facts["height"], facts["width"], 3)
            assert scripts.label_pixels(example) == facts["label_pixels"]


@pytest.mark.reference
@pytest.mark.parametrize("name", ACCEPTED)
def test_awkward_tree_is_read_correctly(reference, tmp_path, name):
    report = build(broken(reference, name), tmp_path / "awkward")
    assert ACCEPTED[name] in "\n".join(report.notes)
    assert bool(report.notes) == bool(ACCEPTED[name])
    build(broken(reference, SOUND), tmp_path / "sound")
    examples = scripts.read_split(tmp_path / "awkward", "train")
    for key, example in examples.items():
        sound = scripts.read_split(tmp_path / "sound", "train")[key]
        if name == "18_all_void_label" and key == "2007_900023":
            assert (example["labels"] == 255).all()
        else:
            np.testing.assert_array_equal(example["labels"], sound["labels"])
        image, expected = (e["image"].astype(int) for e in (example, sound))
        assert image.shape == expected.shape
        if name == "08_greyscale_jpeg":
            # One of the images has no colours any more.
            image, expected = (x @ [0.299, 0.587, 0.114] for x in (image, expected))
        # Stored again as JPEG or in another space: nearly equal, not upside down.
        assert np.abs(image - expected).mean() < 8


@pytest.mark.reference
@pytest.mark.parametrize("name", REJECTED)
def test_broken_tree_is_rejected_with_the_file_named(reference, tmp_path, name):
    with pytest.raises((ValueError, OSError)) as caught:
        build(broken(reference, name), tmp_path)
    assert REJECTED[name] in str(caught.value)
    assert not list(tmp_path.rglob("*.tfrecord"))


@pytest.mark.reference
def test_script_ends_with_an_error_or_notes_and_an_audit(reference, tmp_path):
    tree = broken(reference, "07_label_out_of_range")
    result = scripts.run_here("build_voc2012_data", *flags(tree, tmp_path / "out"))
    assert result.code == 1
    assert "error: 1 of 3 examples" in result.err
    assert REJECTED["07_label_out_of_range"] in result.err
    assert not list(tmp_path.rglob("*.tfrecord"))
    # The same with the unknown ids ignored.
    result = scripts.run_here(
        "build_voc2012_data", *flags(tree, tmp_path / "out"), "--unknown_label=ignore"
    )
    assert result.code == 0, result.err
    assert "note: " in result.err
    assert "aeroplane" in result.out
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "dataset.json",
        *(f"train-{number:05d}-of-00004.tfrecord" for number in range(4)),
    ]


def test_script_names_a_missing_folder(tmp_path):
    result = scripts.run_here(
        "build_voc2012_data", f"--image_folder={tmp_path / 'nowhere'}"
    )
    assert result.code == 1
    assert "nowhere is no folder" in result.err


@pytest.mark.parametrize("missing", ["JPEGImages", "SegmentationClass", "ImageSets"])
def test_missing_folder_is_named(tmp_path, missing):
    folders = ["JPEGImages", "SegmentationClass", "ImageSets/Segmentation"]
    for folder in folders:
        if not folder.startswith(missing):
            (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=f"{missing}.* is no folder"):
        build(tmp_path, tmp_path / "out")


def test_folder_without_lists_is_named(tmp_path):
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="Segmentation holds no list"):
        build(tmp_path, tmp_path / "out")
