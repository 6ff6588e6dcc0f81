# Licensed under the Apache License, Version 2.0.
import json

import pytest

from deeplab_tf import recipes
from deeplab_tf.config.backbone import BACKBONES
from deeplab_tf.config import serialization
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.data.catalog import DATASETS, get_dataset_info
from deeplab_tf.layers.resize import scale_dimension
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.models import build_model

RECIPES = {recipe.name: recipe for recipe in recipes.list_recipes()}
MODEL_NAMES = {DeepLabV3Config: "deeplab_v3", DeepLabV3PlusConfig: "deeplab_v3plus"}
# From random weights on a CPU.
SHORT_RUNS = (
    "deeplab_v3plus_mobilenet_v2_camvid",
    "deeplab_v3plus_mobilenet_v2_shapes",
)


@pytest.fixture(params=RECIPES, ids=str)
def recipe(request):
    return RECIPES[request.param]


def test_recipes_are_listed_by_name():
    names = [recipe.name for recipe in recipes.list_recipes()]
    assert names == sorted(names)
    for name in names:
        assert recipes.get_recipe(name).name == name


def test_unknown_recipe_names_those_there_are():
    with pytest.raises(ValueError, match="deeplab_v3plus_mobilenet_v2_shapes"):
        recipes.get_recipe("deeplab_v3plus_mobilenet_v2")


def test_name_is_model_backbone_and_data_set(recipe):
    backbone = recipe.model.backbone.variant
    assert backbone in BACKBONES
    parts = (MODEL_NAMES[type(recipe.model)], backbone, recipe.data.dataset)
    assert recipe.name == "_".join(parts)


def test_source_and_expected_result_are_told(recipe):
    assert recipe.source
    assert recipe.expected


def test_json_gives_the_recipe_back(recipe):
    text = serialization.to_json(recipe)
    assert serialization.from_json(text) == recipe
    assert json.loads(text)["config"]["name"] == recipe.name


def test_classes_and_ignore_label_are_the_data_sets(recipe):
    assert recipe.data.dataset in DATASETS
    info = get_dataset_info(recipe.data.dataset)
    loss = recipe.train.loss or SoftmaxCrossEntropy()
    assert recipe.model.num_classes == info.num_classes
    assert loss.ignore_label == info.ignore_label
    assert len(loss.class_weights) in (0, info.num_classes)


def test_splits_are_the_data_sets(recipe):
    splits = get_dataset_info(recipe.data.dataset).splits
    assert recipe.data.train_split in splits
    assert recipe.data.eval_split in splits


def test_evaluation_crop_holds_whole_images(recipe):
    size = get_dataset_info(recipe.data.dataset).image_size
    if size is None:
        assert recipe.evaluation.crop_size == (513, 513)
    else:
        assert recipe.evaluation.crop_size == size


@pytest.mark.parametrize("name", SHORT_RUNS)
def test_short_runs_have_a_norm_momentum_that_forgets_the_start(name):
    recipe = RECIPES[name]
    for style in (recipe.model.backbone_style, recipe.model.head_style):
        assert 0.9 <= style.norm_momentum <= 0.99
        assert recipe.train.steps * (1 - style.norm_momentum) > 5


def test_training_crop_suits_the_output_stride(recipe):
    for side in recipe.data.crop_size:
        assert side % recipe.model.backbone.output_stride == 1


@pytest.mark.slow
def test_model_is_built_and_gives_logits_of_every_class(recipe):
    model = build_model(recipe.model)
    height, width = recipe.evaluation.crop_size
    shape = model.compute_output_shape((2, height, width, 3))["semantic"]
    stride = recipe.model.logits_stride
    assert shape == (
        2,
        scale_dimension(height, 1 / stride),
        scale_dimension(width, 1 / stride),
        recipe.model.num_classes,
    )
