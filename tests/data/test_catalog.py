# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.catalog; the contracts run over the whole table."""

import dataclasses

import numpy as np
import pytest

from deeplab_tf.data import shapes
from deeplab_tf.data.catalog import (
    ALIASES,
    DATASETS,
    DatasetInfo,
    coco_stuff,
    get_dataset_info,
)
from deeplab_tf.data.catalog.voc2012 import pascal_color


@pytest.fixture(params=DATASETS.values(), ids=DATASETS)
def info(request):
    return request.param


def test_every_class_has_a_name_of_its_own_and_a_colour(info):
    assert len(set(info.classes)) == len(info.classes) == info.num_classes
    assert len(info.palette) == info.num_classes
    assert all(0 <= value <= 255 for color in info.palette for value in color)


def test_splits_are_not_empty_and_cannot_be_changed(info):
    assert min(info.splits.values()) > 0
    with pytest.raises(TypeError):
        info.splits["train"] = 1


def test_source_says_where_it_is_from(info):
    assert info.source


def test_name_and_aliases_find_the_entry():
    assert get_dataset_info("camvid").name == "camvid"
    assert get_dataset_info("pascal_voc_seg") is get_dataset_info("voc2012")
    assert all(name in DATASETS for name in ALIASES.values())


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'vok'.*voc2012.*pascal_voc_seg"):
        get_dataset_info("vok")


@pytest.mark.parametrize(
    ("name", "num_classes", "ignore_label", "split", "count"),
    [
        ("voc2012", 21, 255, "train_aug", 10582),
        ("cityscapes", 19, 255, "val_fine", 500),
        ("ade20k", 151, 0, "train", 20210),
        ("camvid", 11, 11, "test", 233),
        ("pascal_context", 60, 255, "val", 5105),
        ("pascal_person_part", 7, 255, "train", 1716),
        ("coco_stuff_10k", 182, 255, "test", 1000),
        ("coco_stuff_164k", 182, 255, "train", 118287),
        ("shapes", 6, 255, "val", 200),
    ],
)
def test_published_numbers(name, num_classes, ignore_label, split, count):
    info = get_dataset_info(name)
    assert info.num_classes == num_classes
    assert info.ignore_label == ignore_label
    assert info.splits[split] == count


def test_pascal_colours_of_some_labels():
    assert pascal_color(0) == (0, 0, 0)
    assert pascal_color(1) == (128, 0, 0)
    assert pascal_color(7) == (128, 128, 128)
    assert pascal_color(15) == (192, 128, 128)
    assert pascal_color(255) == (224, 224, 192)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "colormap"),
    [("voc2012", "pascal"), ("cityscapes", "cityscapes"), ("ade20k", "ade20k")],
)
def test_palette_equals_the_original(reference, name, colormap):
    arrays = np.load(reference / "reference" / "official" / "functions.npz")
    palette = np.array(get_dataset_info(name).palette)
    expected = arrays[f"colormap/{colormap}"][: len(palette)]
    np.testing.assert_array_equal(palette, expected)


@pytest.mark.reference
def test_camvid_equals_its_label_file(reference):
    lines = (reference / "data" / "camvid" / "labels.txt").read_text().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")][:11]
    info = get_dataset_info("camvid")
    assert info.classes == tuple(row[1] for row in rows)
    assert info.palette == tuple(tuple(map(int, row[2:5])) for row in rows)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("pascal_context", {1: "aeroplane", 20: "tvmonitor", 21: "bag", 59: "wood"}),
        ("coco_stuff_10k", {0: "person", 90: "hair brush", 91: "banner", 181: "wood"}),
    ],
)
def test_ids_are_the_published_ones(name, ids):
    classes = get_dataset_info(name).classes
    assert {label: classes[label] for label in ids} == ids


def test_coco_stuff_has_171_classes_with_pixels():
    classes = get_dataset_info("coco_stuff_164k").classes
    assert set(coco_stuff.NEVER_LABELLED) < set(classes[:91])
    assert len(classes) - len(coco_stuff.NEVER_LABELLED) == 171


def test_shapes_are_those_that_are_drawn():
    info = get_dataset_info("shapes")
    assert info.ignore_label == shapes.IGNORE_LABEL
    assert info.classes[shapes.RING] == "ring"
    assert info.classes[shapes.LINE] == "line"
    assert set(shapes.PROBABILITIES) == set(range(1, info.num_classes))


def test_palette_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="one colour per class"):
        DatasetInfo(
            name="x",
            classes=("a", "b"),
            palette=((0, 0, 0),),
            ignore_label=255,
            splits={},
        )


def test_evaluation_ids_are_those_of_the_server_and_one_per_class(info):
    ids = info.evaluation_ids
    assert len(ids) in (0, info.num_classes)
    assert len(set(ids)) == len(ids)
    published = (7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33)
    assert ids == (published if info.name == "cityscapes" else ())
    with pytest.raises(ValueError, match="one evaluation id per class, got 1"):
        dataclasses.replace(info, evaluation_ids=(7,))


def test_ignore_label_that_no_record_can_hold_is_an_error():
    with pytest.raises(ValueError, match="ignore_label"):
        dataclasses.replace(get_dataset_info("camvid"), ignore_label=256)
