# Licensed under the Apache License, Version 2.0.
"""Tests of datasets/build_ade20k_data.py."""

import json

import pytest

from deeplab_tf.data import dataset_json
from tests.data import mask_folder

from . import scripts

FOLDERS = {"train": "training", "val": "validation"}


def build(root, output_dir):
    flags = []
    for split, folder in FOLDERS.items():
        flags.append(f"--{split}_image_folder={root / 'images' / folder}")
        flags.append(f"--{split}_image_label_folder={root / 'annotations' / folder}")
    return scripts.run_here("build_ade20k_data", *flags, f"--output_dir={output_dir}")


@pytest.mark.reference
def test_miniature_tree_is_read_exactly(reference, tmp_path):
    layouts = reference / "data" / "layouts"
    result = build(layouts / "ADEChallengeData2016", tmp_path)
    assert result.code == 0, result.err
    expected = json.loads((layouts / "expected.json").read_text())["ade20k"]
    found = {}
    for split in FOLDERS:
        found |= scripts.read_split(tmp_path, split)
    assert set(found) == set(expected)
    for name, example in found.items():
        assert scripts.label_pixels(example) == expected[name]["label_pixels"]
    info = dataset_json.load_dataset_info(tmp_path)
    assert (info.num_classes, info.ignore_label) == (151, 0)
    assert dict(info.splits) == {"train": 3, "val": 3}


@pytest.mark.reference
@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ("30_ade_label_151", "ADE_train_00000001.png holds id 151"),
        ("31_ade_missing_validation", "annotations/validation is no folder"),
    ],
)
def test_broken_tree_is_rejected(reference, tmp_path, tree, message):
    root = reference / "data" / "layouts_broken" / tree / "ADEChallengeData2016"
    result = build(root, tmp_path)
    assert result.code == 1
    assert message in result.err
    assert not list(tmp_path.rglob("*.tfrecord"))


def test_unlabelled_pixels_are_ignored_and_missing_labels_named(tmp_path):
    for split, folder in FOLDERS.items():
        mask_folder.write_image(tmp_path / "images" / folder / f"{split}.jpg")
        mask_folder.write_mask(
            tmp_path / "annotations" / folder / f"{split}.png", [0, 150]
        )
    result = build(tmp_path, tmp_path / "out")
    assert result.code == 0, result.err
    assert "150  flag" in result.out
    _, counts = dataset_json.read_dataset_json(tmp_path / "out")
    assert counts["val"].ignored_pixels == counts["val"].pixels[150] == 12
    (tmp_path / "annotations" / "training" / "train.png").unlink()
    assert "train.png is missing" in build(tmp_path, tmp_path / "out").err


def test_folder_without_images_is_named(tmp_path):
    for folder in ("images", "annotations"):
        (tmp_path / folder / "training").mkdir(parents=True)
    assert "training holds no image (*.jpg)" in build(tmp_path, tmp_path / "out").err
