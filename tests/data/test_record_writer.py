# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.record_writer."""

import dataclasses
import errno
import os

import pytest
import tensorflow as tf

from deeplab_tf.config.data import DataConfig
from deeplab_tf.data import (
    dataset_json,
    pipeline,
    record_writer,
    sources,
    text_files,
)

from . import record_folder


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def record_names(folder):
    return sorted(path.name for path in folder.rglob("*.tfrecord"))


def counting(items, calls):
    """Returns the items; each notes its fingerprint when it is encoded."""

    def wrap(item):
        def encode():
            calls.append(item.fingerprint)
            return item.encode()

        return dataclasses.replace(item, encode=encode)

    return [wrap(item) for item in items]


def write(folder, items, **options):
    return record_writer.write_records(
        {"train": items}, output_dir=folder, info=record_folder.INFO, **options
    )


def problem(text):
    def encode():
        raise ValueError(text)

    return record_writer.RecordItem(fingerprint=text, encode=encode)


def test_shards_have_the_original_names_and_the_order_of_the_list(tmp_path):
    write(tmp_path, record_folder.items(num_examples=5), num_shards=4)
    names = [f"train-{i:05d}-of-00004.tfrecord" for i in range(4)]
    assert record_names(tmp_path) == names
    sizes = [
        sum(1 for _ in tf.data.TFRecordDataset(str(tmp_path / name))) for name in names
    ]
    assert sizes == [2, 2, 1, 0]
    source = sources.tfrecord_source(tmp_path, split="train")
    examples = pipeline.eval_dataset(source, DataConfig()).as_numpy_iterator()
    found = [example["image_name"].decode() for example in examples]
    assert found == [f"train_{index:06d}" for index in range(5)]


def test_nothing_but_records_and_dataset_json_is_left(tmp_path):
    report = record_folder.write(tmp_path, num_shards=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dataset.json",
        "train-00000-of-00001.tfrecord",
        "val-00000-of-00001.tfrecord",
    ]
    info, frequencies = dataset_json.read_dataset_json(tmp_path)
    assert dict(info.splits) == {"train": 5, "val": 2}
    assert frequencies == report.frequencies
    total = sum(frequencies["train"].pixels) + frequencies["train"].ignored_pixels
    assert total == 5 * 24 * 24


def test_two_builds_write_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        record_folder.write(tmp_path / name)
    for name in record_names(tmp_path / "a"):
        first, second = (tmp_path / folder / name for folder in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_progress_is_told_after_each_example(tmp_path):
    told = []
    record_folder.write(tmp_path, progress=lambda done, total: told.append(done))
    assert told == list(range(1, 8))


def test_killed_build_leaves_no_record_and_the_next_goes_on(tmp_path):
    def kill(done, total):
        if done == 4:
            raise Killed

    with pytest.raises(Killed):
        write(tmp_path, record_folder.items(), num_shards=2, progress=kill)
    assert record_names(tmp_path) == []
    assert (tmp_path / ".partial").is_dir()

    calls = []
    items = counting(record_folder.items(), calls)
    report = write(tmp_path, items, num_shards=2)
    assert report.reused_shards == 1
    assert len(calls) == 2
    assert len(record_names(tmp_path)) == 2
    other = tmp_path / "uninterrupted"
    expected = write(other, record_folder.items(), num_shards=2)
    assert report.frequencies == expected.frequencies
    for name in record_names(other):
        assert (tmp_path / name).read_bytes() == (other / name).read_bytes()


def test_shard_is_not_reused_when_an_input_has_changed(tmp_path):
    items = record_folder.items()
    with pytest.raises(ValueError, match="broken"):
        write(tmp_path, [*items[:4], problem("broken")], num_shards=2)
    changed = dataclasses.replace(items[0], fingerprint="another")
    calls = []
    report = write(tmp_path, counting([changed, *items[1:]], calls), num_shards=2)
    assert report.reused_shards == 0
    assert len(calls) == 5


def test_half_written_shard_is_not_reused(tmp_path):
    items = record_folder.items()
    with pytest.raises(ValueError, match="broken"):
        write(tmp_path, [*items[:4], problem("broken")], num_shards=2)
    (partial,) = (tmp_path / ".partial").glob("*.partial")
    partial.write_bytes(partial.read_bytes()[:-1])
    assert write(tmp_path, items, num_shards=2).reused_shards == 0


def test_build_killed_while_publishing_is_completed(tmp_path, monkeypatch):
    replace = os.replace

    def replace_until_killed(source, target):
        if str(target).endswith("val-00000-of-00002.tfrecord"):
            raise Killed
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_until_killed)
    with pytest.raises(Killed):
        record_folder.write(tmp_path)
    monkeypatch.undo()
    assert len(record_names(tmp_path)) == 2
    assert record_folder.write(tmp_path).reused_shards == 4
    assert len(record_names(tmp_path)) == 4
    assert (tmp_path / "dataset.json").is_file()
    assert not (tmp_path / ".partial").exists()


def test_all_problems_are_listed_and_no_record_is_left(tmp_path):
    items = [problem("a.png is bad"), *record_folder.items(), problem("b.png is bad")]
    splits = {"train": record_folder.items(), "val": items}
    with pytest.raises(ValueError, match=r"2 of 12") as caught:
        record_writer.write_records(
            splits, output_dir=tmp_path, info=record_folder.INFO
        )
    assert "a.png is bad" in str(caught.value)
    assert "b.png is bad" in str(caught.value)
    assert record_names(tmp_path) == []
    assert not (tmp_path / "dataset.json").exists()


def test_long_list_of_problems_is_cut(tmp_path):
    items = [problem(f"file {number}") for number in range(25)]
    with pytest.raises(ValueError, match="and 5 more") as caught:
        write(tmp_path, items)
    assert len(str(caught.value).splitlines()) == 23


def test_failed_build_leaves_the_records_of_an_earlier_one(tmp_path):
    record_folder.write(tmp_path)
    before = record_names(tmp_path)
    with pytest.raises(ValueError, match="broken"):
        write(tmp_path, [problem("broken")])
    assert record_names(tmp_path) == before


def test_new_build_removes_shards_of_an_earlier_one(tmp_path):
    record_folder.write(tmp_path, num_shards=3)
    write(tmp_path, record_folder.items(num_examples=2), num_shards=1)
    names = record_names(tmp_path)
    assert [name for name in names if "train" in name] == [
        "train-00000-of-00001.tfrecord"
    ]
    info, _ = dataset_json.read_dataset_json(tmp_path)
    assert dict(info.splits) == {"train": 2, "val": 2}


def test_split_without_examples_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="'train' has no examples"):
        write(tmp_path, [])


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
    ids=["tensorflow", "python"],
)
def test_full_disk_is_said_and_leaves_nothing_half_written(
    tmp_path, monkeypatch, error
):
    writer = tf.io.TFRecordWriter

    class FullDisk(writer):
        def write(self, record):
            if "00001-of" in self.path:
                raise error
            super().write(record)

        def __init__(self, path):
            self.path = path
            super().__init__(path)

    monkeypatch.setattr(tf.io, "TFRecordWriter", FullDisk)
    with pytest.raises(OSError, match=r"No space left.*run again"):
        write(tmp_path, record_folder.items(), num_shards=2)
    assert record_names(tmp_path) == []
    assert not list((tmp_path / ".partial").glob("*.tmp"))
    monkeypatch.undo()
    assert write(tmp_path, record_folder.items(), num_shards=2).reused_shards == 1


@pytest.mark.parametrize("name", ["dataset.json", "train-00001-of-00002.tfrecord.json"])
def test_full_disk_at_a_text_is_said_and_shards_are_kept(tmp_path, monkeypatch, name):
    replace_text = text_files.replace_text

    def refuse(path, text):
        if path.name == name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        replace_text(path, text)

    monkeypatch.setattr(text_files, "replace_text", refuse)
    message = r"cannot write .* \(No space left on device\)\. Free some .*run again"
    with pytest.raises(OSError, match=message) as caught:
        write(tmp_path, record_folder.items(), num_shards=2)
    assert name.removesuffix(".tfrecord.json") in str(caught.value)
    assert record_names(tmp_path) == []
    monkeypatch.undo()
    report = write(tmp_path, record_folder.items(), num_shards=2)
    assert report.reused_shards == (2 if name == "dataset.json" else 1)
