# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.record_files; test_sources.py tries the rest."""

import pathlib

import pytest

from deeplab_tf.data import record_files


def names(folder, split):
    found = record_files.find_record_files(folder, split=split)
    return [pathlib.Path(path).name for path in found]


@pytest.mark.parametrize(
    ("stored", "asked"), [("train_fine", "train"), ("val", "val_fine")]
)
def test_splits_of_cityscapes_have_two_names(tmp_path, stored, asked):
    name = f"{stored}-00000-of-00001.tfrecord"
    (tmp_path / name).touch()
    assert names(tmp_path, stored) == names(tmp_path, asked) == [name]
    (tmp_path / f"{asked}-00000-of-00001.tfrecord").touch()
    assert names(tmp_path, asked) == [f"{asked}-00000-of-00001.tfrecord"]


def test_missing_split_is_named_as_it_was_asked_for(tmp_path):
    (tmp_path / "train_fine-00000-of-00001.tfrecord").touch()
    with pytest.raises(FileNotFoundError, match=r"split 'val' .*it holds train_fine"):
        record_files.find_record_files(tmp_path, split="val")
