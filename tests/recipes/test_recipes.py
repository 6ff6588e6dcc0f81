# Licensed under the Apache License, Version 2.0.
import dataclasses
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import recipes
from deeplab_tf.cli import recipe_table
from deeplab_tf.config import serialization
from deeplab_tf.config.backbone import BACKBONES
from deeplab_tf.config.deeplab_v1 import DeepLabV1Config
from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.recipe import rescale_rates
from deeplab_tf.data.catalog import DATASETS, get_dataset_info
from deeplab_tf.layers.resize import scale_dimension
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.training.strategy import build_strategy
from deeplab_tf.training.train import build_loop

RECIPES = {recipe.name: recipe for recipe in recipes.list_recipes()}
MODEL_NAMES = {
    DeepLabV1Config: "deeplab_v1",
    DeepLabV2Config: "deeplab_v2",
    DeepLabV3Config: "deeplab_v3",
    DeepLabV3PlusConfig: "deeplab_v3plus",
}
# The names of v1 and v2 hold the paper's name of the form behind the backbone.
FORMS = {
    "vgg_16": (
        *("large_fov", "4x4_128", "4x4", "7x7", "msc_large_fov", "msc"),
        *("aspp_s", "aspp_l"),
    ),
    "resnet_101": ("large_fov", "aspp", "msc"),
}
# What may follow the name of the data set, in this order -> the differences to the
# recipe without it: of the network, or none where they are of the training.
SUFFIXES = {
    "_dm05": ("model.backbone.depth_multiplier=0.5",),
    "_aspp": ("model.aspp.atrous_rates=6,12,18", "model.aspp.separable=false"),
    "_no_image_pooling": ("model.aspp.image_level_feature=false",),
    "_fine_tuned": (),
    "_trainval": (),
}


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


def test_name_is_model_backbone_data_set_and_suffixes(recipe):
    backbone = recipe.model.backbone.variant
    assert backbone in BACKBONES
    model, dataset = MODEL_NAMES[type(recipe.model)], recipe.data.dataset
    name = recipe.name
    for suffix in reversed(SUFFIXES):
        name = name.removesuffix(suffix)
    if model in ("deeplab_v1", "deeplab_v2"):
        backbone = backbone.replace("resnet_v1", "resnet")
        assert name in {
            f"{model}_{backbone}_{form}_{dataset}" for form in FORMS[backbone]
        }
    else:
        assert name == "_".join((model, backbone, dataset))
    # The second stage is called by what it is trained on.
    assert recipe.name.endswith("_trainval") == (recipe.data.train_split == "trainval")


def test_suffix_tells_what_differs_from_the_recipe_without_it(recipe):
    for suffix, changes in SUFFIXES.items():
        if not recipe.name.endswith(suffix):
            continue
        without = RECIPES[recipe.name.removesuffix(suffix)]
        assert recipe.data.dataset == without.data.dataset
        if not changes:
            assert recipe.train != without.train
        else:
            assert recipe.model == without.override(*changes).model
            assert (recipe.data, recipe.train) == (without.data, without.train)


def test_source_and_expected_result_are_told(recipe):
    assert recipe.source
    assert recipe.expected
    # The list of recipes has room for all of it.
    assert not recipe_table.format_recipes([recipe]).endswith(" ...")


@pytest.mark.parametrize("dataset", ["cityscapes", "ade20k"])
def test_settings_that_nobody_published_are_called_assumed(dataset):
    for recipe in RECIPES.values():
        if recipe.data.dataset == dataset and "deeplab_v3" in recipe.name:
            settings = "batch of 16, learning rate of 0.007"
            assert f"Assumed: {settings}" in recipe.source
            assert recipe.train.batch_size == 16
            assert recipe.train.schedule.learning_rate == 0.007


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
    # Nothing is left to validate on where all of it is trained on.
    if recipe.data.train_split == "trainval":
        assert recipe.data.eval_split == ""
    else:
        assert recipe.data.eval_split in splits


def test_evaluation_crop_holds_whole_images(recipe):
    size = get_dataset_info(recipe.data.dataset).image_size
    crop_size = recipe.evaluation.crop_size
    if size is not None:
        # The published networks take a multiple of the stride and one.
        assert crop_size in (size, (size[0] + 1, size[1] + 1))
    elif recipe.data.max_resize_value is not None:
        assert crop_size == (recipe.data.max_resize_value,) * 2
    else:
        assert crop_size == (513, 513)


def test_second_stage_is_the_first_at_stride_8_with_frozen_norm(recipe):
    if recipe.data.train_split != "trainval":
        return
    first = RECIPES[recipe.name.removesuffix("_trainval")]
    assert first.model.backbone.output_stride == 16
    assert recipe.model == rescale_rates(first.model, 8)
    assert recipe.train.schedule.learning_rate == 0.001
    assert (first.train.fine_tune_batch_norm, recipe.train.fine_tune_batch_norm) == (
        True,
        False,
    )


def test_norm_that_is_trained_forgets_its_start(recipe):
    if not recipe.train.fine_tune_batch_norm:
        return
    for style in (recipe.model.backbone_style, recipe.model.head_style):
        assert style.norm_momentum >= 0.9
        assert recipe.train.steps * (1 - style.norm_momentum) > 5


def test_training_crop_suits_the_output_stride(recipe):
    for side in recipe.data.crop_size:
        assert side % recipe.model.backbone.output_stride == 1


@pytest.fixture
def eager():
    """Runs functions without tracing them, which takes longer than one step here."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def distinct_networks():
    """Returns the recipes, of v1 and v2 one for each network, whatever its classes."""
    found = {}
    for name, recipe in RECIPES.items():
        network = dataclasses.replace(recipe.model, num_classes=21)
        is_old = isinstance(network, (DeepLabV1Config, DeepLabV2Config))
        found.setdefault(network if is_old else name, name)
    return list(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", distinct_networks())
def test_network_takes_a_step(name, eager):
    recipe = RECIPES[name]
    info = get_dataset_info(recipe.data.dataset)
    loop = build_loop(
        recipe, ignore_label=info.ignore_label, strategy=build_strategy("one")
    )
    model = loop.model
    height, width = recipe.evaluation.crop_size
    logits = model.compute_output_spec(keras.KerasTensor((2, height, width, 3)))
    stride = recipe.model.logits_stride
    assert logits["semantic"].shape == (
        2,
        scale_dimension(height, 1 / stride),
        scale_dimension(width, 1 / stride),
        recipe.model.num_classes,
    )
    before = {w.path: np.asarray(w) for w in model.weights}
    rng = np.random.default_rng(1)
    labels = rng.integers(0, info.num_classes, (2, 33, 33)).astype("int32")
    batch = {
        "image": rng.integers(0, 256, (2, 33, 33, 3)).astype("float32"),
        "labels": labels,
    }
    logs = loop.run([batch], steps=1)
    assert np.isfinite(logs["loss"])
    assert logs["loss"] > logs["l2_loss"] > 0
    changed = {w.path for w in model.weights if not np.array_equal(w, before[w.path])}
    assert changed & {"logits/kernel", "logits/branch0/kernel"}
    frozen = recipe.train.frozen_paths
    assert not any(re.search(pattern, path) for pattern in frozen for path in changed)
    statistics = {path for path in before if "/moving_" in path}
    expected = statistics if recipe.train.fine_tune_batch_norm else set()
    assert changed & statistics == expected
