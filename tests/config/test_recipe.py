# Licensed under the Apache License, Version 2.0.
"""Recipes: fields changed by text, and rates that follow the output stride."""

import pytest

from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.deeplab_v1 import LARGE_FOV
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.recipe import Recipe, parse_value, rescale_rates


@pytest.fixture
def recipe():
    return Recipe(name="test", model=DeepLabV3PlusConfig())


def field_of(recipe, path):
    for name in path.split("."):
        recipe = getattr(recipe, name)
    return recipe


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("name=other", "other"),
        ("train.steps=50", 50),
        ("train.weight_decay=1e-3", 0.001),
        ("train.schedule.learning_rate=1", 1.0),
        ("train.fine_tune_batch_norm=false", False),
        ("train.fine_tune_batch_norm=True", True),
        ("data.min_resize_value=none", None),
        ("data.min_resize_value=512", 512),
        ("data.crop_size=65,97", (65, 97)),
        ("data.crop_size=(65, 97)", (65, 97)),
        ("evaluation.scales=[0.5,1,1.75]", (0.5, 1.0, 1.75)),
        ("model.aspp.atrous_rates=6", (6,)),
        ("model.aspp.atrous_rates=", ()),
        ("model.aspp=none", None),
        ("model.aspp.image_pooling_crop_size=65,65", (65, 65)),
        (" train.steps = 50 ", 50),
    ],
)
def test_text_is_read_as_the_type_of_the_field(recipe, assignment, expected):
    path = assignment.partition("=")[0].strip()
    value = field_of(recipe.override(assignment), path)
    assert value == expected
    assert type(value) is type(expected)


def test_several_fields_are_changed_and_the_recipe_stays(recipe):
    other = recipe.override("train.steps=5", "model.num_classes=3")
    assert (other.train.steps, other.model.num_classes) == (5, 3)
    assert recipe == Recipe(name="test", model=DeepLabV3PlusConfig())


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.steps", "Expected 'a.b=value', got 'train.steps'"),
        ("train.step=5", "Unknown field 'step' in .*; TrainConfig has steps, batch"),
        (
            "optimizer.momentum=1",
            "Unknown field 'optimizer'.*; Recipe has name, source",
        ),
        ("train.steps.x=5", "Cannot set train.steps.x"),
        ("train.steps=many", "train.steps must be of type int, got 'many'"),
        ("train.steps=1.5", "train.steps must be of type int, got '1.5'"),
        ("train.fine_tune_batch_norm=2", "must be true or false, got '2'"),
        ("data.crop_size=65", "data.crop_size takes 2 values, got '65'"),
        ("data.crop_size=65,x", "data.crop_size must be of type int, got 'x'"),
        (
            "model.head_style=small",
            "model.head_style cannot be set from text: set the fields",
        ),
        ("model.backbone=small", "model.backbone is a whole configuration"),
        ("train.schedule=poly", "train.schedule is a whole configuration"),
        ("train.steps=0", "steps and batch_size must be at least 1, got 0"),
        ("model.backbone.output_stride=4", "output_stride must be 8, 16 or 32, got 4"),
        ("model.aspp.image_gate=tanh", "image_gate must be one of"),
    ],
)
def test_wrong_assignment_is_refused_with_what_is_right(recipe, assignment, message):
    with pytest.raises(ValueError, match=message):
        recipe.override(assignment)


@pytest.mark.parametrize(
    ("output_stride", "expected"),
    [(8, (12, 24, 36)), (16, (6, 12, 18)), (32, (3, 6, 9))],
)
def test_rates_follow_the_output_stride(recipe, output_stride, expected):
    other = recipe.override(f"model.backbone.output_stride={output_stride}")
    assert other.model.backbone.output_stride == output_stride
    assert other.model.aspp.atrous_rates == expected


@pytest.mark.parametrize("rates_first", [True, False])
def test_rates_that_are_given_stay(recipe, rates_first):
    assignments = ["model.aspp.atrous_rates=1,2,3", "model.backbone.output_stride=8"]
    other = recipe.override(*(assignments if rates_first else assignments[::-1]))
    assert other.model.aspp.atrous_rates == (1, 2, 3)
    assert other.model.backbone.output_stride == 8


def test_small_rates_stay_at_least_one():
    model = DeepLabV3Config(
        aspp=ASPPConfig(atrous_rates=(1, 3)),
        backbone=MobileNetV2Config(output_stride=8),
    )
    assert rescale_rates(model, 32).aspp.atrous_rates == (1, 1)


@pytest.mark.parametrize(
    ("output_stride", "rate"), [(8, 12), (16, 6), (32, 3)], ids=str
)
def test_rate_of_fc6_follows_the_output_stride(output_stride, rate):
    recipe = Recipe(name="large_fov", model=LARGE_FOV)
    other = recipe.override(f"model.backbone.output_stride={output_stride}")
    assert other.model.backbone.fc6_rate == rate


def test_rate_of_fc6_that_is_given_stays():
    recipe = Recipe(name="large_fov", model=LARGE_FOV)
    assignments = ("model.backbone.fc6_rate=4", "model.backbone.output_stride=16")
    assert recipe.override(*assignments).model.backbone.fc6_rate == 4


def test_network_without_pyramid_has_no_rates():
    model = rescale_rates(DeepLabV3Config(aspp=None), 8)
    assert model.backbone.output_stride == 8
    assert model.aspp is None


def test_value_of_another_type_is_refused():
    with pytest.raises(ValueError, match="field cannot be set from text"):
        parse_value("1", dict, "field")
