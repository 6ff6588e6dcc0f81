# Licensed under the Apache License, Version 2.0.
"""Tests of datasets/build_cityscapes_data.py."""

import json

import numpy as np
import pytest

from deeplab_tf.data import dataset_json
from tests.data import mask_folder

from . import scripts


def build(root, output_dir, *flags):
    return scripts.run_here(
        "build_cityscapes_data",
        f"--cityscapes_root={root}",
        f"--output_dir={output_dir}",
        *flags,
    )


def write_example(root, split, *, kind="labelTrainIds", values=(0, 18, 255)):
    """Writes an image and its labels; without a kind, the image alone."""
    name = f"ulm_{split}_000019"
    folder = root / "leftImg8bit" / split / "ulm"
    mask_folder.write_image(folder / f"{name}_leftImg8bit.png")
    if kind:
        path = root / "gtFine" / split / "ulm" / f"{name}_gtFine_{kind}.png"
        mask_folder.write_mask(path, values)
    return name


@pytest.mark.reference
def test_miniature_tree_is_read_exactly(reference, tmp_path):
    layouts = reference / "data" / "layouts"
    result = build(layouts / "cityscapes", tmp_path)
    assert result.code == 0, result.err
    expected = json.loads((layouts / "expected.json").read_text())["cityscapes"]
    for split in ("train", "val"):
        # Each also goes by the original's other name.
        found = scripts.read_split(tmp_path, split)
        assert set(found) == {n for n, e in expected.items() if e["split"] == split}
        for name, example in found.items():
            assert scripts.label_pixels(example) == expected[name]["train_id_pixels"]
    names = sorted(path.name for path in tmp_path.glob("train*"))
    assert names[0] == "train_fine-00000-of-00010.tfrecord"
    assert len(names) == 10
    info = dataset_json.load_dataset_info(tmp_path)
    assert dict(info.splits) == {"train_fine": 3, "val_fine": 2}
    assert info.evaluation_ids[-1] == 33


@pytest.mark.reference
def test_label_ids_are_converted_where_train_ids_are_missing(reference, tmp_path):
    broken = reference / "data" / "layouts_broken"
    root = broken / "22_cityscapes_no_trainids" / "cityscapes"
    result = build(root, tmp_path / "converted")
    assert result.code == 0, result.err
    assert "note: train_fine: 1 of 1 images have labelIds.png" in result.err
    sound = broken / "29_image_unpaired" / "cityscapes"
    found = scripts.read_split(tmp_path / "converted", "train_fine")
    (name,) = found
    path = sound / "gtFine" / "train" / "aachen" / f"{name}_gtFine_labelTrainIds.png"
    expected = mask_folder.Image.open(path)
    np.testing.assert_array_equal(found[name]["labels"], np.asarray(expected))


@pytest.mark.reference
@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ("23_cityscapes_ids_as_trainids", "labelTrainIds.png holds id 20"),
        ("29_image_unpaired", "aachen_000009_000019_gtFine_labelTrainIds.png is miss"),
    ],
)
def test_broken_tree_is_rejected(reference, tmp_path, tree, message):
    root = reference / "data" / "layouts_broken" / tree / "cityscapes"
    result = build(root, tmp_path)
    assert result.code == 1
    assert message in result.err
    assert not list(tmp_path.rglob("*.tfrecord"))


def test_every_label_id_has_its_published_train_id():
    table = scripts.load("build_cityscapes_data").train_ids_of_label_ids()
    assert len(table) == 256
    published = [7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33]
    assert [i for i, label in enumerate(table) if label != 255] == published
    assert [table[i] for i in published] == list(range(19))


def test_splits_are_chosen_and_test_has_no_labels(tmp_path):
    write_example(tmp_path, "train", kind="labelIds", values=(7, 33, 0))
    name = write_example(tmp_path, "test", kind=None)
    out = tmp_path / "out"
    result = build(tmp_path, out, "--splits=train_fine,test_fine", "--num_shards=1")
    assert result.code == 0, result.err
    assert "labels" not in scripts.read_split(out, "test_fine")[name]
    (train,) = scripts.read_split(out, "train").values()
    assert scripts.label_pixels(train) == {"0": 8, "18": 8, "255": 8}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--splits=train",), "must name some of train_fine, val_fine, test_fine"),
        (("--splits=val_fine",), "val is no folder: expected the images of val_fine"),
        ((), "val is no folder"),
    ],
)
def test_missing_parts_are_named(tmp_path, flags, message):
    write_example(tmp_path, "train")
    result = build(tmp_path, tmp_path / "out", *flags)
    assert result.code == 1
    assert message in result.err


def test_folder_without_images_of_the_layout_is_named(tmp_path):
    (tmp_path / "leftImg8bit" / "train" / "ulm").mkdir(parents=True)
    (tmp_path / "gtFine" / "train").mkdir(parents=True)
    result = build(tmp_path, tmp_path / "out", "--splits=train_fine")
    assert "holds no image <city>/<name>_leftImg8bit.png" in result.err
