# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.file_examples."""

import dataclasses
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data import file_examples, label_files, schema
from deeplab_tf.data.catalog.camvid import CAMVID

LABELS = np.array([[0, 1, 11], [3, 4, 10]], np.uint8)


@pytest.fixture
def pair(tmp_path):
    Image.new("RGB", (3, 2), (9, 8, 7)).save(tmp_path / "a.png")
    (tmp_path / "labels.png").write_bytes(label_files.encode_labels(LABELS))
    return file_examples.FilePair(
        name="a",
        image=tmp_path / "a.png",
        labels=tmp_path / "labels.png",
        named_by=pathlib.Path("train.txt"),
    )


def test_files_become_an_example(pair):
    encoded = file_examples.encode_pair(pair, info=CAMVID)
    example = schema.decode_example(tf.constant(encoded.record))
    np.testing.assert_array_equal(example["labels"], LABELS)
    np.testing.assert_array_equal(example["image"][0, 0], [9, 8, 7])
    assert encoded.frequencies.ignored_pixels == 1
    assert encoded.notes == ()


def test_image_alone_becomes_an_example_without_labels(pair):
    pair = dataclasses.replace(pair, labels=None)
    encoded = file_examples.encode_pair(pair, info=CAMVID)
    assert not schema.has_labels(encoded.record)
    assert encoded.frequencies.num_images == 1
    assert not any(encoded.frequencies.pixels)
    pair.image.unlink()
    with pytest.raises(ValueError, match=r"a\.png is missing"):
        file_examples.encode_pair(pair, info=CAMVID)


def test_reader_makes_the_ids(pair):
    def read(path):
        assert path == pair.labels
        return np.full((2, 3), 7, np.uint8), ("read",)

    changed = dataclasses.replace(pair, read=read, notes=("first",))
    encoded = file_examples.encode_pair(changed, info=CAMVID)
    assert encoded.frequencies.pixels[7] == 6
    assert encoded.notes == ("first", "read")
    fingerprints = {
        file_examples.file_items([p], info=CAMVID)[0].fingerprint
        for p in (pair, changed)
    }
    assert len(fingerprints) == 2


def test_both_missing_files_are_named(pair):
    pair.image.unlink()
    pair.labels.unlink()
    with pytest.raises(ValueError, match=r"a\.png and .*labels\.png are missing"):
        file_examples.encode_pair(pair, info=CAMVID)


def test_sizes_that_differ_are_named(pair):
    Image.new("RGB", (4, 2)).save(pair.image)
    with pytest.raises(ValueError, match=r"labels\.png is 3 x 2.*4 x 2"):
        file_examples.encode_pair(pair, info=CAMVID)


def test_unknown_ids_are_named_with_their_pixels(pair):
    labels = np.array([[12, 12, 255], [0, 0, 0]], np.uint8)
    pair.labels.write_bytes(label_files.encode_labels(labels))
    message = r"labels\.png holds id 12 \(2 pixels\), id 255 \(1 pixels\)"
    with pytest.raises(ValueError, match=message):
        file_examples.encode_pair(pair, info=CAMVID)
    encoded = file_examples.encode_pair(pair, info=CAMVID, ignore_unknown=True)
    example = schema.decode_example(tf.constant(encoded.record))
    np.testing.assert_array_equal(example["labels"], [[11, 11, 11], [0, 0, 0]])
    assert "id 12" in encoded.notes[0]


def test_many_unknown_ids_are_cut(pair):
    labels = np.arange(100, 106, dtype=np.uint8).reshape(2, 3)
    pair.labels.write_bytes(label_files.encode_labels(labels))
    with pytest.raises(ValueError, match=r"id 104 \(1 pixels\), 1 more ids,"):
        file_examples.encode_pair(pair, info=CAMVID)


def test_labels_that_are_all_ignored_are_kept_with_a_note(pair):
    pair.labels.write_bytes(label_files.encode_labels(np.full((2, 3), 11)))
    encoded = file_examples.encode_pair(pair, info=CAMVID)
    assert "every pixel is ignored" in encoded.notes[0]


def test_fingerprint_changes_with_files_and_settings(pair):
    def fingerprint(info=CAMVID, **options):
        return file_examples.file_items([pair], info=info, **options)[0].fingerprint

    first = fingerprint()
    assert fingerprint() == first
    assert fingerprint(ignore_unknown=True) != first
    assert fingerprint(dataclasses.replace(CAMVID, ignore_label=255)) != first
    os.utime(pair.labels, ns=(1, 1))
    changed = fingerprint()
    assert changed != first
    pair.image.unlink()
    assert fingerprint() != changed


def test_image_is_found_by_the_asked_ending_first(tmp_path):
    for name in ("a.jpg", "a.png", "b.JPEG"):
        (tmp_path / name).write_bytes(b"x")
    find = file_examples.find_image
    assert find(tmp_path, name="a", first_suffix=".png").name == "a.png"
    assert find(tmp_path, name="a").name == "a.jpg"
    assert find(tmp_path, name="b").name == "b.JPEG"
    assert find(tmp_path, name="c", first_suffix=".png").name == "c.png"


def test_ending_is_added_to_names_with_points(tmp_path):
    (tmp_path / "a.b.jpg").write_bytes(b"x")
    assert file_examples.find_image(tmp_path, name="a.b").name == "a.b.jpg"
