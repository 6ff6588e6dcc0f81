# Licensed under the Apache License, Version 2.0.
import dataclasses

import pytest

from deeplab_tf.cli import class_names
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.data.catalog import DatasetInfo, get_dataset_info
from deeplab_tf.data.dataset_json import write_dataset_json
from deeplab_tf.visualization.palettes import pascal_palette
from tests.cli.command import parsed_flags

FIELDS = DatasetInfo(
    name="fields",
    classes=("soil", "crop", "weed"),
    palette=((1, 1, 1), (2, 2, 2), (3, 3, 3)),
    ignore_label=255,
    splits={},
)


def recipe(dataset):
    return Recipe(name="r", model=DeepLabV3Config(), data=DataConfig(dataset=dataset))


@pytest.fixture
def run_of_fields(tmp_path):
    write_dataset_json(tmp_path, info=FIELDS, frequencies={})
    return tmp_path


def test_what_lies_beside_the_checkpoint_wins_over_the_recipe(run_of_fields):
    with parsed_flags("predict"):
        found = class_names.find_dataset(
            recipe("voc2012"), folder=run_of_fields, num_classes=3
        )
    assert (found.name, found.classes) == ("fields", FIELDS.classes)


def test_a_given_flag_wins(run_of_fields, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    info = dataclasses.replace(FIELDS, name="other")
    write_dataset_json(other, info=info, frequencies={})
    with parsed_flags("predict", f"--dataset_dir={other}"):
        found = class_names.find_dataset(None, folder=run_of_fields, num_classes=3)
    assert found.name == "other"


def test_a_given_data_set_of_other_classes_is_refused(run_of_fields):
    with (
        parsed_flags("predict", "--dataset=cityscapes"),
        pytest.raises(ValueError, match="3 classes, and data set 'cityscapes' has 19"),
    ):
        class_names.find_dataset(None, folder=run_of_fields, num_classes=3)


def test_the_recipe_names_a_data_set_of_the_catalogue(tmp_path):
    with parsed_flags("predict"):
        for name, number, expected in (
            ("camvid", 11, "camvid"),
            ("pascal_voc_seg", 21, "voc2012"),
            ("camvid", 12, None),
            ("mine", 11, None),
        ):
            found = class_names.find_dataset(
                recipe(name), folder=tmp_path, num_classes=number
            )
            assert getattr(found, "name", None) == expected


def test_a_file_beside_the_checkpoint_of_other_classes_is_not_its_own(run_of_fields):
    with parsed_flags("predict"):
        found = class_names.find_dataset(
            recipe("voc2012"), folder=run_of_fields, num_classes=21
        )
        assert found.name == "voc2012"


@pytest.mark.parametrize(
    ("number", "name"), [(21, "voc2012"), (19, "cityscapes"), (151, "ade20k")]
)
def test_a_published_number_of_classes_is_guessed(number, name):
    assert class_names.guess_dataset(number) is get_dataset_info(name)


@pytest.mark.parametrize(("number", "expected"), [(5, 5), (None, 256)])
def test_other_classes_are_numbered(number, expected):
    info = class_names.guess_dataset(number)
    assert len(info.classes) == expected
    assert info.classes[:3] == ("class_0", "class_1", "class_2")
    assert list(info.palette) == list(map(tuple, pascal_palette()[:expected].tolist()))
