# Licensed under the Apache License, Version 2.0.
"""DeepLab v1 and v2 train as they were published: rates, labels, one whole update."""

import dataclasses

import keras
import numpy as np
import pytest

from deeplab_tf import models
from deeplab_tf.config import deeplab_v1, deeplab_v2
from deeplab_tf.config.aspp import ClassifierConfig
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.train import PolySchedule
from deeplab_tf.models import deeplab_v2 as deeplab_v2_model
from deeplab_tf.recipes import get_recipe, voc2012_v1_v2
from deeplab_tf.training import optimizers
from deeplab_tf.training.strategy import build_strategy
from deeplab_tf.training.train import build_loop, train
from tests.training import small_deeplab_v2
from tests.training.toy_run import toy_source

CLASSIFIERS = {
    "VGG-16 v1": (deeplab_v1.LARGE_FOV, {"logits"}),
    "VGG-16 ASPP": (
        deeplab_v2.VGG_ASPP_S,
        {f"logits/branch{i}" for i in range(4)},
    ),
    "ResNet-101 ASPP": (
        deeplab_v2.RESNET_101_ASPP,
        {f"logits/branch{i}" for i in range(4)},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("network", CLASSIFIERS)
def test_classifiers_learn_ten_times_as_fast_and_biases_twice(network):
    config, classifiers = CLASSIFIERS[network]
    for variable in models.build_model(config).trainable_variables:
        layer, _, name = variable.path.rpartition("/")
        factor = optimizers.gradient_multiplier(
            variable.path, config=voc2012_v1_v2.V1_TRAIN
        )
        decay = optimizers.factor_of(
            variable.path, rules=optimizers.WEIGHT_DECAY_RULES, default=0.0
        )
        # lr_mult and decay_mult of the authors' train.prototxt.
        expected = 10 if layer in classifiers else 1
        assert factor == expected * (2 if name == "bias" else 1), variable.path
        assert decay == (name == "kernel"), variable.path


@pytest.mark.slow
def test_resnet_trains_its_kernels_and_the_classifiers():
    model = models.build_model(deeplab_v2.RESNET_101_ASPP)
    trained = optimizers.trained_variables(model, config=voc2012_v1_v2.RESNET_TRAIN)
    paths = {variable.path for variable in trained}
    # 104 convolutions of the backbone, and four classifiers with a bias each.
    assert len(paths) == 104 + 2 * 4
    assert all(path.endswith(("/kernel", "/bias")) for path in paths)


@pytest.mark.slow
def test_msc_trains_what_it_adds_and_the_classifiers():
    model = models.build_model(deeplab_v1.MSC_LARGE_FOV)
    trained = optimizers.trained_variables(model, config=voc2012_v1_v2.MSC_TRAIN)
    layers = {variable.path.rpartition("/")[0] for variable in trained}
    places = ("image", *(f"pool{i}" for i in range(1, 5)))
    assert layers == {
        *(f"{place}_{kind}" for place in places for kind in ("conv", "fc")),
        *(f"logits/branch{i}" for i in range(6)),
    }


@pytest.fixture
def small_loop(monkeypatch):
    """The published recipe with three scales, on a small backbone."""
    monkeypatch.setattr(
        deeplab_v2_model, "build_backbone", small_deeplab_v2.build_backbone
    )
    keras.utils.set_random_seed(3)
    published = voc2012_v1_v2.DEEPLAB_V2_RESNET_MSC
    recipe = dataclasses.replace(
        published,
        model=dataclasses.replace(
            published.model,
            num_classes=small_deeplab_v2.NUM_CLASSES,
            classifier=ClassifierConfig(
                kernel_size=3, atrous_rates=small_deeplab_v2.RATES
            ),
        ),
        # Large rates and weight decay, or rounding would hide an error.
        train=dataclasses.replace(
            published.train,
            steps=4,
            batch_size=2,
            weight_decay=0.05,
            schedule=PolySchedule(learning_rate=0.02, power=0.9, update_every_steps=2),
        ),
    )
    return build_loop(recipe, ignore_label=255, strategy=build_strategy("one"))


def small_batch():
    generator = np.random.default_rng(5)
    labels = generator.integers(0, small_deeplab_v2.NUM_CLASSES, (2, 33, 33))
    # Another number of ignored pixels in each part of the batch.
    labels[0, :9] = 255
    return {
        "image": generator.uniform(0, 255, (2, 33, 33, 3)).astype("float32"),
        "labels": labels.astype("int32"),
    }


@pytest.mark.slow
def test_updates_with_three_scales_are_those_by_hand(small_loop):
    batch = small_batch()
    kernels = {v.path: v for v in small_loop.model.trainable_variables}
    generator = np.random.default_rng(2)
    for variable in kernels.values():
        variable.assign(variable + generator.normal(0, 0.3, variable.shape))
    weights = {path: v.numpy().astype("float64") for path, v in kernels.items()}
    initial = dict(weights)
    velocity = {path: 0.0 for path in weights}
    # The rate stays for two steps; then it is that of the third.
    rates = [0.02, 0.02, 0.02 * 0.5**0.9]
    for step, rate in enumerate(rates, start=1):
        logs = small_loop.run([batch], steps=step)
        loss = small_deeplab_v2.loss_by_hand(weights, batch["image"], batch["labels"])
        assert logs["loss"] - logs["l2_loss"] == pytest.approx(loss, rel=1e-5)
        gradients = small_deeplab_v2.gradients_by_hand(
            weights, batch["image"], batch["labels"]
        )
        for path, gradient in gradients.items():
            name = path.rpartition("/")[2]
            if name in ("gamma", "beta"):
                continue
            # Parameter groups of kazuto1011's main.py: 1x, 10x and 20x.
            multiplier = 10 if path.startswith("logits/") else 1
            if name == "bias":
                multiplier *= 2
            else:
                gradient = gradient + 0.05 * weights[path]
            velocity[path] = 0.9 * velocity[path] + gradient
            weights[path] = weights[path] - rate * multiplier * velocity[path]
        for path, variable in kernels.items():
            np.testing.assert_allclose(
                variable.numpy(), weights[path], rtol=0, atol=2e-5, err_msg=path
            )
    moved = {p for p in weights if np.abs(weights[p] - initial[p]).max() > 1e-2}
    assert moved == {p for p in weights if not p.endswith(("gamma", "beta"))}


def shrink(recipe, *, model, **changes):
    """Returns a recipe for few steps over small drawn shapes."""
    return dataclasses.replace(
        recipe,
        model=dataclasses.replace(model, num_classes=6),
        data=dataclasses.replace(
            recipe.data,
            dataset="shapes",
            train_split="train",
            eval_split="",
            crop_size=(33, 33),
        ),
        train=dataclasses.replace(recipe.train, **changes),
        evaluation=dataclasses.replace(recipe.evaluation, crop_size=(33, 33)),
    )


def small_networks():
    """Returns recipes of the real networks with few channels, or few layers."""
    v1 = get_recipe("deeplab_v1_vgg_16_large_fov_voc2012")
    backbone = dataclasses.replace(v1.model.backbone, fc_channels=32)
    v2 = get_recipe("deeplab_v2_resnet_101_msc_voc2012")
    shallow = dataclasses.replace(v2.model.backbone, depth=50)
    return {
        "v1": shrink(
            v1, model=dataclasses.replace(v1.model, backbone=backbone), batch_size=4
        ),
        "v2": shrink(
            v2, model=dataclasses.replace(v2.model, backbone=shallow), batch_size=4
        ),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v1", "v2"])
def test_published_training_lowers_the_loss(name, tmp_path):
    recipe = small_networks()[name]
    steps = 12
    recipe = dataclasses.replace(
        recipe,
        train=dataclasses.replace(
            recipe.train, steps=steps, gradient_accumulation=2, log_steps=1
        ),
    )
    losses = []

    def calm_norms(model):
        """Keeps features small, as the frozen norms of a trained network do."""
        gammas = {"conv1/norm/gamma": 0.02} | {
            w.path: 0.1 for w in model.weights if w.path.endswith("conv3/norm/gamma")
        }
        for weight in model.weights:
            if weight.path in gammas:
                weight.assign(np.full(weight.shape, gammas[weight.path]))

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            losses.append(float(logs["loss"]) - float(logs["l2_loss"]))

    train(
        recipe,
        workdir=tmp_path,
        source=toy_source("train"),
        initialize=calm_norms,
        callbacks=[Keep()],
    )
    assert len(losses) == steps
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])


def test_augmentation_is_the_published_one():
    data = voc2012_v1_v2.SCALED_DATA
    scales = np.arange(
        data.min_scale_factor,
        data.max_scale_factor + 0.01,
        data.scale_factor_step_size,
    )
    assert scales.tolist() == [0.5, 0.75, 1.0, 1.25, 1.5]
    assert (data.crop_size, data.flip_probability) == ((321, 321), 0.5)
    assert isinstance(data, DataConfig)
    mean = deeplab_v2.RESNET_101_ASPP_MSC.backbone.padding_pixel
    assert mean == (122.675, 116.669, 104.008)
