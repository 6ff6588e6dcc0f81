# Licensed under the Apache License, Version 2.0.
"""Configurations as JSON and back; everything unknown is an error."""

import dataclasses
import importlib
import json

import pytest

from deeplab_tf.config import serialization
from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.config.train import (
    AdamConfig,
    CosineSchedule,
    MultiStepSchedule,
    SlowStart,
    StepSchedule,
    TrainConfig,
)
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.recipes import list_recipes

TYPES = serialization._MODULES


def make(tag):
    cls = getattr(importlib.import_module(TYPES[tag]), tag)
    if cls is Recipe:
        return Recipe(name="test", model=DeepLabV3PlusConfig())
    return cls()


@pytest.mark.parametrize("tag", TYPES)
def test_every_type_comes_back(tag):
    config = make(tag)
    assert serialization.from_json(serialization.to_json(config)) == config
    assert serialization.is_known(tag)


@pytest.mark.parametrize("tag", TYPES)
def test_fields_that_an_older_file_lacks_have_their_defaults(tag):
    config = make(tag)
    data = serialization.to_dict(config)
    for field in dataclasses.fields(config):
        if field.default is not dataclasses.MISSING:
            del data[field.name]
    assert serialization.from_dict(data) == config


@pytest.mark.parametrize("tag", TYPES)
def test_every_type_is_frozen(tag):
    config = make(tag)
    field = dataclasses.fields(config)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, field, None)


@pytest.mark.parametrize("recipe", list_recipes(), ids=lambda recipe: recipe.name)
def test_every_recipe_comes_back(recipe):
    assert serialization.from_json(serialization.to_json(recipe)) == recipe


@pytest.mark.parametrize(
    "config",
    [
        DeepLabV3Config(aspp=None),
        ASPPConfig(atrous_rates=(), image_pooling_crop_size=(65, 97)),
        TrainConfig(
            schedule=MultiStepSchedule(
                boundaries=(1, 2), learning_rates=(3.0, 2.0, 1.0)
            ),
            optimizer=AdamConfig(learning_rate=None),
            loss=SoftmaxCrossEntropy(class_weights=(1.0, 0.5)),
        ),
        CosineSchedule(slow_start=SlowStart(steps=3, linear=True)),
        StepSchedule(decay_every_steps=7),
    ],
    ids=lambda config: type(config).__name__,
)
def test_values_other_than_the_defaults_come_back(config):
    found = serialization.from_json(serialization.to_json(config))
    assert found == config
    assert type(found) is type(config)


def test_json_has_a_version_and_type_tags():
    data = json.loads(serialization.to_json(DeepLabV3Config()))
    assert data["version"] == 1
    assert data["config"]["type"] == "DeepLabV3Config"
    assert data["config"]["backbone"]["type"] == "MobileNetV2Config"


def changed(change, config=None):
    data = json.loads(serialization.to_json(config or DeepLabV3Config()))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "version 1, got None"),
        ("{}", "version 1, got None"),
        (changed(lambda d: d.update(version=2)), "version 1, got 2"),
        (
            changed(lambda d: d["config"].update(type="DeepLabV9Config")),
            "Unknown configuration type 'DeepLabV9Config', near is DeepLabV",
        ),
        (
            changed(lambda d: d["config"].pop("type")),
            "Unknown configuration type None",
        ),
        (
            changed(lambda d: d["config"]["aspp"].update(rates=[1], kernel=3)),
            "ASPPConfig has no field kernel, rates; it has atrous_rates",
        ),
        (
            changed(lambda d: d["config"]["backbone"].update(output_stride=7)),
            "output_stride must be 8, 16 or 32, got 7",
        ),
    ],
)
def test_what_is_not_ours_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        serialization.from_json(text)


def test_what_is_no_configuration_is_refused():
    @dataclasses.dataclass
    class Other:
        field: int = 1

    with pytest.raises(ValueError, match="Other is no configuration"):
        serialization.to_dict(Other())


@pytest.mark.parametrize("tag", [None, 3, "Other", ["ASPPConfig"]])
def test_other_tags_are_not_known(tag):
    assert not serialization.is_known(tag)


def test_a_file_without_its_parts_is_an_error():
    with pytest.raises(ValueError, match="no field 'config'"):
        serialization.from_json('{"version": 1}')
    with pytest.raises(ValueError, match="Recipe cannot be read"):
        serialization.from_dict({"type": "Recipe", "name": "x"})


@pytest.mark.parametrize(
    "field",
    [
        {"image_pooling_crop_size": (65,)},
        {"image_pooling_crop_size": (0, 0)},
        {"image_pooling_stride": (1,)},
        {"filters": 0},
    ],
)
def test_aspp_refuses_sizes_that_are_none(field):
    with pytest.raises(ValueError, match=next(iter(field))):
        ASPPConfig(**field)
