# Licensed under the Apache License, Version 2.0.
"""Tests of datasets/build_camvid_data.py."""

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data import dataset_json, file_examples, label_files, record_writer
from deeplab_tf.data.catalog.camvid import CAMVID

from . import scripts

LABELS = np.array([[0, 1, 11], [3, 4, 10]], np.uint8)


def add_split(root, split, *, lines, suffixes):
    """Writes a list, and image and labels for each name in `suffixes`."""
    for folder in (split, f"{split}annot"):
        (root / folder).mkdir(parents=True)
    for name, suffix in suffixes.items():
        Image.new("RGB", (3, 2), (50, 60, 70)).save(root / split / f"{name}{suffix}")
        labels = label_files.encode_labels(LABELS)
        (root / f"{split}annot" / f"{name}.png").write_bytes(labels)
    (root / f"{split}.txt").write_text("\n".join(lines) + "\n")


def build(root, output_dir):
    splits = scripts.load("build_camvid_data").list_splits(root)
    items = {
        split: file_examples.file_items(pairs, info=CAMVID)
        for split, pairs in splits.items()
    }
    return record_writer.write_records(items, output_dir=output_dir, info=CAMVID)


def test_ids_and_lines_with_paths_are_read(tmp_path):
    root = tmp_path / "camvid"
    add_split(root, "train", lines=["a", "b"], suffixes={"a": ".jpg", "b": ".png"})
    line = "/SegNet/CamVid/test/c.png /SegNet/CamVid/testannot/c.png"
    add_split(root, "test", lines=[line], suffixes={"c": ".jpeg"})
    report = build(root, tmp_path / "out")
    assert {s: f.num_images for s, f in report.frequencies.items()} == {
        "train": 2,
        "test": 1,
    }
    # Void is stored as it is.
    assert report.frequencies["train"].ignored_pixels == 2
    info = dataset_json.load_dataset_info(tmp_path / "out")
    assert (info.num_classes, info.ignore_label) == (11, 11)


def test_name_of_the_labels_may_differ_from_that_of_the_image(tmp_path):
    add_split(tmp_path, "val", lines=["val/a.png valannot/a_L.png"], suffixes={})
    (pair,) = scripts.load("build_camvid_data").list_splits(tmp_path)["val"]
    assert pair.name == "a"
    assert pair.labels == tmp_path / "valannot" / "a_L.png"


def test_folder_without_lists_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none of the lists train\.txt"):
        build(tmp_path, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        build(tmp_path / "nowhere", tmp_path / "out")


def test_list_without_its_folder_is_an_error(tmp_path):
    (tmp_path / "train.txt").write_text("a\n")
    with pytest.raises(FileNotFoundError, match="train is no folder"):
        build(tmp_path, tmp_path / "out")


@pytest.mark.reference
@pytest.mark.slow
def test_real_data_set_has_the_published_counts(reference, tmp_path):
    root = reference / "data" / "camvid"
    result = scripts.run(
        "build_camvid_data", f"--data_root={root}", f"--output_dir={tmp_path}"
    )
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    published = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (root / "README.md").read_text().splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]
    assert len(published) == 12
    for row, expected in zip(rows[1:12], published[:11], strict=True):
        id_, name, train_pixels, _, train_images, val_pixels, _, val_images = expected
        found = [row[0], row[1], row[2], row[4], row[5], row[7]]
        assert found == [
            *(id_, name, train_pixels, train_images, val_pixels, val_images)
        ]
    info = dataset_json.load_dataset_info(tmp_path)
    assert dict(info.splits) == {"train": 367, "val": 101}
