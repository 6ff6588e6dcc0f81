# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.dataset_json."""

import errno
import json
import os

import pytest

from deeplab_tf.data import dataset_json
from deeplab_tf.data.catalog import DATASETS, get_dataset_info
from deeplab_tf.data.label_audit import LabelFrequencies


def frequencies_of(info, num_images=3):
    return LabelFrequencies(
        num_images=num_images,
        pixels=tuple(range(info.num_classes)),
        images=(1,) * info.num_classes,
        ignored_pixels=5,
    )


@pytest.mark.parametrize("info", DATASETS.values(), ids=DATASETS)
def test_what_is_written_is_read(tmp_path, info):
    frequencies = {"train": frequencies_of(info), "val": frequencies_of(info, 1)}
    dataset_json.write_dataset_json(tmp_path, info=info, frequencies=frequencies)
    read_info, read_frequencies = dataset_json.read_dataset_json(tmp_path)
    assert read_frequencies == frequencies
    assert dict(read_info.splits) == {"train": 3, "val": 1}
    assert read_info.classes == info.classes
    assert read_info.palette == info.palette
    assert read_info.ignore_label == info.ignore_label
    assert read_info.image_size == info.image_size
    assert read_info.evaluation_ids == info.evaluation_ids
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.json"]


def test_full_disk_is_said_with_the_file_and_leaves_what_was_there(
    tmp_path, monkeypatch
):
    info = get_dataset_info("camvid")
    dataset_json.write_dataset_json(tmp_path, info=info, frequencies={})
    before = (tmp_path / "dataset.json").read_bytes()

    def refuse(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    frequencies = {"train": frequencies_of(info)}
    with pytest.raises(OSError, match=r"No space left .*dataset\.json") as caught:
        dataset_json.write_dataset_json(tmp_path, info=info, frequencies=frequencies)
    assert caught.value.errno == errno.ENOSPC
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.json"]
    assert (tmp_path / "dataset.json").read_bytes() == before


def test_file_of_before_evaluation_ids_is_read(tmp_path):
    info = get_dataset_info("camvid")
    dataset_json.write_dataset_json(tmp_path, info=info, frequencies={})
    path = tmp_path / dataset_json.FILE_NAME
    data = json.loads(path.read_text())
    del data["evaluation_ids"]
    path.write_text(json.dumps(data))
    assert dataset_json.load_dataset_info(tmp_path).evaluation_ids == ()


def test_file_says_more_than_the_catalogue(tmp_path):
    info = get_dataset_info("camvid")
    frequencies = {"train": frequencies_of(info)}
    dataset_json.write_dataset_json(tmp_path, info=info, frequencies=frequencies)
    loaded = dataset_json.load_dataset_info(tmp_path, default_name="voc2012")
    assert loaded.name == "camvid"
    assert dict(loaded.splits) == {"train": 3}


def test_catalogue_answers_where_there_is_no_file(tmp_path):
    for folder in (tmp_path, None):
        info = dataset_json.load_dataset_info(folder, default_name="pascal_voc_seg")
        assert info.name == "voc2012"


def test_neither_file_nor_name_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"no dataset\.json"):
        dataset_json.load_dataset_info(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no valid JSON"),
        ("[]", "version"),
        ('{"version": 99}', "99"),
        ('{"version": 1}', "not complete"),
    ],
)
def test_unfit_file_is_named(tmp_path, text, message):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(ValueError, match=rf"dataset\.json.*{message}"):
        dataset_json.load_dataset_info(tmp_path)


def test_file_without_a_key_names_it(tmp_path):
    info = get_dataset_info("camvid")
    frequencies = {"train": frequencies_of(info)}
    dataset_json.write_dataset_json(tmp_path, info=info, frequencies=frequencies)
    path = tmp_path / "dataset.json"
    data = json.loads(path.read_text())
    del data["palette"]
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match="palette"):
        dataset_json.load_dataset_info(tmp_path)
