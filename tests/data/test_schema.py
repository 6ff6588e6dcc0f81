# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.schema."""

import hashlib
import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.config.data import DataConfig
from deeplab_tf.data import pipeline, schema, sources


def encoded(array, image_format="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format=image_format)
    return buffer.getvalue()


def record(image, labels, image_format="png"):
    return schema.encode_example(
        "street_1",
        image=encoded(image, image_format.upper()),
        image_format=image_format,
        height=image.shape[0],
        width=image.shape[1],
        labels=None if labels is None else encoded(labels),
    )


IMAGE = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
LABELS = np.arange(35, dtype=np.uint8).reshape(5, 7) * 7


def test_png_example_survives_the_round_trip():
    example = schema.decode_example(tf.constant(record(IMAGE, LABELS)))
    np.testing.assert_array_equal(example["image"], IMAGE)
    np.testing.assert_array_equal(example["labels"], LABELS)
    assert example["image"].dtype == tf.uint8
    assert example["labels"].dtype == tf.int32
    assert example["image_name"].numpy() == b"street_1"


def test_grey_jpeg_decodes_to_three_channels():
    grey = np.full((8, 8), 77, np.uint8)
    example = schema.decode_example(
        tf.constant(record(grey, np.zeros((8, 8), np.uint8), "jpeg"))
    )
    np.testing.assert_allclose(example["image"], np.full((8, 8, 3), 77), atol=1)


def test_features_say_what_they_hold():
    features = tf.train.Example.FromString(record(IMAGE, LABELS)).features.feature
    assert features["image/height"].int64_list.value == [5]
    assert features["image/width"].int64_list.value == [7]
    assert features["image/channels"].int64_list.value == [3]
    assert features["image/format"].bytes_list.value == [b"png"]
    assert features["image/segmentation/class/format"].bytes_list.value == [b"png"]


def test_example_without_labels_has_no_label_features():
    serialized = record(IMAGE, None)
    assert not schema.has_labels(serialized)
    assert schema.has_labels(record(IMAGE, LABELS))
    example = schema.decode_example(tf.constant(serialized), with_labels=False)
    assert set(example) == {"image", "image_name"}


def test_same_example_gives_the_same_bytes():
    assert record(IMAGE, LABELS) == record(IMAGE, LABELS)


@pytest.mark.reference
def test_official_sample_has_our_keys(reference):
    path = str(next((reference / "reference/official").glob("pascal*.tfrecord")))
    first = next(iter(tf.data.TFRecordDataset(path))).numpy()
    theirs = tf.train.Example.FromString(first).features.feature
    ours = tf.train.Example.FromString(record(IMAGE, LABELS, "jpeg")).features.feature
    assert set(theirs) == set(ours)
    for key in ("image/format", "image/segmentation/class/format", "image/channels"):
        assert theirs[key] == ours[key], key


@pytest.mark.reference
def test_official_sample_loads_with_the_recorded_facts(reference):
    folder = reference / "reference" / "official"
    facts = json.loads((folder / "pascal_voc_seg_val.json").read_text())["records"]
    source = sources.tfrecord_source(folder, split="pascal_voc_seg_val")
    assert source.num_examples == len(facts)
    examples = pipeline.eval_dataset(source, DataConfig()).as_numpy_iterator()
    for example, fact in zip(examples, facts, strict=True):
        assert example["image_name"].decode() == fact["filename"]
        assert list(example["image"].shape) == fact["image_shape"]
        mean = example["image"].mean(axis=(0, 1))
        np.testing.assert_allclose(mean, fact["image_mean_rgb"], atol=1e-3)
        labels = example["labels"].astype(np.uint8)
        assert hashlib.sha256(labels.tobytes()).hexdigest() == fact["label_sha256"]
