# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.label_audit."""

import numpy as np

from deeplab_tf.data import label_audit
from deeplab_tf.data.catalog.dataset_info import DatasetInfo

INFO = DatasetInfo(
    name="tiny",
    classes=("sky", "road"),
    palette=((0, 0, 0), (1, 1, 1)),
    ignore_label=255,
    splits={"train": 2},
)
LABELS = np.array([[0, 0, 1], [255, 0, 0]], np.uint8)


def test_counts_of_one_label_map():
    counted = label_audit.count_labels(LABELS, info=INFO)
    assert counted == label_audit.LabelFrequencies(
        num_images=1, pixels=(4, 1), images=(1, 1), ignored_pixels=1
    )


def test_an_ignore_label_that_is_a_class_counts_as_ignored():
    info = DatasetInfo(
        name="tiny",
        classes=("other", "road"),
        palette=((0, 0, 0), (1, 1, 1)),
        ignore_label=0,
        splits={},
    )
    counted = label_audit.count_labels(np.array([[0, 0, 1]], np.uint8), info=info)
    assert counted.pixels == (0, 1)
    assert counted.images == (0, 1)
    assert counted.ignored_pixels == 2


def test_frequencies_add_up():
    one = label_audit.count_labels(LABELS, info=INFO)
    two = label_audit.count_labels(np.zeros((2, 2), np.uint8), info=INFO)
    total = label_audit.no_frequencies(INFO) + one + two
    assert total == label_audit.LabelFrequencies(
        num_images=2, pixels=(8, 1), images=(2, 1), ignored_pixels=1
    )


def test_unknown_ids_are_counted():
    labels = np.array([[0, 1, 2], [2, 255, 300]], np.uint16)
    assert label_audit.unknown_labels(labels, info=INFO) == {2: 2, 300: 1}
    assert label_audit.unknown_labels(LABELS, info=INFO) == {}


def test_table_has_a_row_per_class_and_one_for_ignored_pixels():
    counted = label_audit.count_labels(LABELS, info=INFO)
    table = label_audit.format_frequencies({"train": counted}, info=INFO)
    rows = [line.split() for line in table.splitlines()]
    assert rows[0] == ["id", "class", "train", "pixels", "share", "images"]
    assert rows[1] == ["0", "sky", "4", "80.000%", "1"]
    assert rows[2] == ["1", "road", "1", "20.000%", "1"]
    assert rows[3] == ["255", "(ignored)", "1", "16.667%", "of", "1"]


def test_table_of_an_empty_split_divides_by_nothing():
    empty = label_audit.no_frequencies(INFO)
    assert "0.000%" in label_audit.format_frequencies({"train": empty}, info=INFO)
