# Licensed under the Apache License, Version 2.0.
"""Classifiers of whole images: names and shapes of slim's, and slim's VGG-16."""

import dataclasses
import json

import numpy as np
import pytest

from deeplab_tf.checkpoints.importer import import_weights
from deeplab_tf.checkpoints.slim_names import slim_name, slim_rules
from deeplab_tf.config.backbone import BACKBONES
from deeplab_tf.config.image_classifier import ImageClassifierConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.vgg import VGGConfig
from deeplab_tf.models import build_model
from tests import contracts, goldens

SLIM_VGG = VGGConfig(output_stride=32, padding="valid", fc_channels=4096)
NORM = {f"BatchNorm/{n}" for n in ("gamma", "beta", "moving_mean", "moving_variance")}

# Backbone -> scope, and name and shape of what slim's classifier has behind it.
MOBILE = "Logits/Conv2d_1c_1x1/weights"
HEADS = {
    "resnet_v1_18": ("resnet_v1_18", {"logits/weights": (1, 1, 512, 1001)}),
    "resnet_v1_50_beta": ("resnet_v1_50", {"logits/weights": (1, 1, 2048, 1001)}),
    "xception_41": ("xception_41", {"logits/weights": (1, 1, 2048, 1001)}),
    "mobilenet_v2": (
        "MobilenetV2",
        {"Conv_1/weights": (1, 1, 320, 1280), MOBILE: (1, 1, 1280, 1001)},
    ),
    "mobilenet_v3_large": (
        "MobilenetV3",
        {"Conv_2/weights": (1, 1, 960, 1280), MOBILE: (1, 1, 1280, 1001)},
    ),
    "mobilenet_v3_small": (
        "MobilenetV3",
        {"Conv_2/weights": (1, 1, 576, 1024), MOBILE: (1, 1, 1024, 1001)},
    ),
    "mobilenet_edgetpu": ("MobilenetEdgeTPU", {MOBILE: (1, 1, 1280, 1001)}),
}


def classifier_of(backbone, **options):
    return build_model(ImageClassifierConfig(backbone=backbone, **options))


@pytest.mark.slow
@pytest.mark.parametrize("variant", HEADS)
def test_head_is_that_of_slim(variant):
    backbone = dataclasses.replace(BACKBONES[variant], output_stride=32)
    model = classifier_of(backbone)
    scope, expected = HEADS[variant]
    shapes = {slim_name(w.path, scope=scope): tuple(w.shape) for w in model.weights}
    assert len(shapes) == len(model.weights)
    assert all(name.startswith(f"{scope}/") for name in shapes)
    for name, shape in expected.items():
        assert shapes[f"{scope}/{name}"] == shape
    biased = ("logits/", "Logits/Conv2d_1c_1x1/", "Conv_2/")
    for name in expected:
        stem = name.removesuffix("weights")
        found = {n.removeprefix(f"{scope}/{stem}") for n in shapes if f"/{stem}" in n}
        assert found == {"weights"} | ({"biases"} if stem in biased else NORM)


def test_narrow_mobilenet_keeps_the_width_of_its_head():
    narrow = MobileNetV2Config(depth_multiplier=0.35, output_stride=32)
    assert classifier_of(narrow).get_layer("conv_1").filters == 1280
    wide = MobileNetV2Config(depth_multiplier=1.4, output_stride=32)
    assert classifier_of(wide).get_layer("conv_1").filters == 1792


def test_logits_are_those_of_the_whole_image():
    backbone = MobileNetV2Config(depth_multiplier=0.35, output_stride=32)
    model = classifier_of(backbone, num_classes=7)
    contracts.draw_weights(model)
    logits = model(contracts.draw_image(65, 97, batch=2))
    assert list(logits) == ["classes"]
    assert logits["classes"].shape == (2, 7)
    assert logits["classes"].dtype == "float32"
    assert np.std(logits["classes"]) > 1e-3


def test_vgg_without_its_last_layers_is_refused():
    with pytest.raises(ValueError, match="needs fc6 and fc7: set fc_channels=4096"):
        ImageClassifierConfig(backbone=VGGConfig())


@pytest.mark.slow
@pytest.mark.reference
def test_vgg_is_that_of_slim(reference):
    folder = reference / "reference" / "official"
    case = json.loads((folder / "vgg_16.json").read_text("utf-8"))
    tensors = dict(goldens.load_rule(reference).case_weights(case))
    model = classifier_of(SLIM_VGG, num_classes=1000)
    import_weights(model, tensors, slim_rules("vgg_16"), path="vgg_16")
    assert model.count_params() == case["params_all"]
    with np.load(folder / "vgg_16.npz") as arrays:
        logits = model(arrays["image"][None])["classes"]
        expected = np.ravel(arrays["logits"])[None]
    contracts.assert_close(logits, expected, tolerance=1e-4)
