# Licensed under the Apache License, Version 2.0.
"""Backbones that start from keras.applications have its features."""

import dataclasses

import keras
import numpy as np
import pytest

from deeplab_tf.backbones import build_backbone
from deeplab_tf.checkpoints import keras_names
from deeplab_tf.checkpoints.importer import WeightsMismatchError
from deeplab_tf.checkpoints.keras_applications import load_keras_application
from deeplab_tf.checkpoints.load import load_checkpoint
from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.deeplab_v1 import DeepLabV1Config
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.image_classifier import ImageClassifierConfig
from deeplab_tf.config.keras_applications import (
    CAFFE_SCALING,
    KERAS_APPLICATIONS,
    keras_mobilenet_v2,
    keras_mobilenet_v3,
)
from deeplab_tf.config.vgg import CAFFE_POOL5, VGGConfig
from deeplab_tf.models import build_model
from tests import contracts

SIZE = (64, 97)
APPLICATIONS = keras.applications


def draw(model):
    """Draws weights, and biases of convolutions too, which start at 0."""
    contracts.draw_weights(model)
    for weight in model.weights:
        if weight.path.endswith("_3_bn/gamma"):
            # Else the features of a deep ResNet grow from unit to unit.
            weight.assign(weight * 0.2)
    return model


def make(name, **options):
    cls = getattr(APPLICATIONS, name)
    options = {"weights": None, "include_top": False} | options
    return draw(cls(input_shape=(*SIZE, 3), **options))


def build(form):
    config = dataclasses.replace(form.backbone, output_stride=32)
    backbone = build_backbone(config, form.style)
    return keras.Model(backbone.input, backbone.features)


def check_features(form, theirs, pixels, source):
    """Compares features of one image."""
    ours = build(form)
    report = load_keras_application(ours, source)
    image = contracts.draw_image(*SIZE).astype("float32")
    contracts.assert_close(ours(image), theirs(pixels(image.copy())), tolerance=1e-4)
    return report


@pytest.mark.slow
def test_resnet_gives_its_features():
    theirs = make("ResNet50")
    pixels = APPLICATIONS.resnet.preprocess_input
    report = check_features(KERAS_APPLICATIONS["ResNet50"], theirs, pixels, theirs)
    assert report.ignored == ()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1.0, 0.35])
def test_mobilenet_v2_gives_its_features(width):
    whole = make("MobileNetV2", alpha=width)
    last = whole.get_layer("block_16_project_BN").output
    theirs = keras.Model(whole.input, last)
    pixels = APPLICATIONS.mobilenet_v2.preprocess_input
    report = check_features(keras_mobilenet_v2(width), theirs, pixels, whole)
    assert {name.partition("/")[0] for name in report.ignored} == {
        "Conv_1",
        "Conv_1_bn",
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "width"), [("large", 1.0), ("small", 1.0), ("small", 0.75)]
)
def test_mobilenet_v3_gives_its_features(size, width):
    theirs = make(f"MobileNetV3{size.title()}", alpha=width)
    form = keras_mobilenet_v3(size, width)
    check_features(form, theirs, lambda image: image, theirs)


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory):
    """Returns files of a VGG16 for 64 x 64 pixels, an image and its probabilities."""
    theirs = APPLICATIONS.VGG16(weights=None, input_shape=(64, 64, 3), classes=10)
    generator = np.random.default_rng(0)
    for weight in theirs.weights:
        inputs = np.prod(weight.shape[:-1])
        # Of He's initialisation, so that activations keep their size.
        size = (2 / inputs) ** 0.5 if weight.name == "kernel" else 0.1
        value = generator.standard_normal(weight.shape, "float32")
        weight.assign(value * np.float32(size))
    last = theirs.get_layer("predictions").kernel
    last.assign(last * 0.005)
    image = contracts.draw_image(64, 64).astype("float32")
    pixels = APPLICATIONS.vgg16.preprocess_input(image.copy())
    folder = tmp_path_factory.mktemp("vgg16")
    for ending in ("h5", "keras"):
        theirs.save(folder / f"vgg16.{ending}")
    return folder, image, np.asarray(theirs(pixels))


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("channels", ["bgr", "rgb"])
def test_vgg_gives_its_probabilities(ending, channels, vgg16):
    folder, image, expected = vgg16
    options = {"output_stride": 32, "padding": "valid", "fc_channels": 4096}
    if channels == "bgr":
        options["input_scaling"] = CAFFE_SCALING
    backbone = VGGConfig(**options, fc6_kernel_size=2)
    model = build_model(ImageClassifierConfig(backbone=backbone, num_classes=10))
    report = load_checkpoint(model, folder / f"vgg16.{ending}")
    assert report.notes == (
        ()
        if channels == "bgr"
        else ("conv1_1/kernel: inputs reversed from BGR to RGB",)
    )
    found = keras.ops.softmax(model(image)["classes"])
    assert expected.std() > 0.01
    assert expected.max() < 0.9
    contracts.assert_close(found, expected, tolerance=1e-5)


@pytest.mark.slow
def test_vgg_without_its_last_layers_leaves_them_as_they_are(tmp_path):
    path = tmp_path / "vgg16_notop.h5"
    theirs = APPLICATIONS.VGG16(weights=None, include_top=False)
    theirs.save(path)
    backbone = dataclasses.replace(CAFFE_POOL5, fc_channels=8, fc6_kernel_size=3)
    network = build_model(DeepLabV1Config(backbone=backbone))
    report = load_checkpoint(network, path, allow_backbone=True)
    assert {name.partition("/")[0] for name in report.skipped} == {
        "fc6",
        "fc7",
        "logits",
    }
    np.testing.assert_array_equal(
        network.get_layer("conv5_3").kernel, theirs.get_layer("block5_conv3").kernel
    )


@pytest.fixture(scope="module")
def small():
    return make("MobileNetV3Small")


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_files_are_read(ending, small, tmp_path):
    path = tmp_path / f"small.{ending}"
    small.save(path)
    check_features(
        KERAS_APPLICATIONS["MobileNetV3Small"], small, lambda image: image, path
    )


def test_network_keeps_its_head(small, tmp_path):
    path = tmp_path / "small.h5"
    small.save(path)
    form = KERAS_APPLICATIONS["MobileNetV3Small"]
    network = build_model(
        DeepLabV3Config(
            backbone=form.backbone,
            backbone_style=form.style,
            aspp=ASPPConfig(filters=8, atrous_rates=()),
        )
    )
    with pytest.raises(WeightsMismatchError, match="missing from the checkpoint"):
        load_checkpoint(network, path)
    report = load_checkpoint(network, path, allow_backbone=True)
    assert {name.partition("/")[0] for name in report.skipped} == {"aspp", "logits"}
    np.testing.assert_array_equal(
        network.get_layer("conv").kernel, small.get_layer("conv").kernel
    )


def test_file_of_weights_without_names_is_told(small, tmp_path):
    path = tmp_path / "small.weights.h5"
    small.save_weights(path)
    with pytest.raises(ValueError, match="does not name its layers"):
        load_keras_application(build(KERAS_APPLICATIONS["MobileNetV3Small"]), path)


def test_damaged_file_is_told(tmp_path):
    path = tmp_path / "small.h5"
    path.write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match="cannot be read as an HDF5 file"):
        load_keras_application(build(KERAS_APPLICATIONS["MobileNetV3Small"]), path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("block14_sepconv2_bn/gamma", "it pools where the Xception of DeepLab"),
        ("block5_conv4/kernel", "those of VGG-16 three"),
        ("conv2_block1_preact_bn/gamma", "its norms stand before the convolutions"),
    ],
)
def test_network_of_another_shape_is_told(name, message):
    with pytest.raises(ValueError, match=message):
        keras_names.find_rules([name])


def test_other_models_of_keras_are_told(small):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"no network of keras\.applications"):
        load_keras_application(small, other)


@pytest.mark.parametrize(
    ("layer", "weight", "expected"),
    [
        ("conv1_bn", "moving_mean:0", "conv1_bn/moving_mean"),
        ("Conv", "Conv/kernel:0", "conv/kernel"),
        (
            "expanded_conv_3/squeeze_excite/Conv_1",
            "expanded_conv_3/squeeze_excite/Conv_1/bias:0",
            "expanded_conv_3_squeeze_excite_conv_1/bias",
        ),
        (
            "expanded_conv/depthwise/BatchNorm",
            "expanded_conv/depthwise/BatchNorm/gamma:0",
            "expanded_conv_depthwise_bn/gamma",
        ),
        ("block1_conv1", "block1_conv1_W_1:0", "block1_conv1/kernel"),
        ("fc1", "fc1_b_1:0", "fc1/bias"),
        (
            "block_1_depthwise",
            "block_1_depthwise/depthwise_kernel:0",
            "block_1_depthwise/kernel",
        ),
    ],
)
def test_names_of_older_files_are_understood(layer, weight, expected):
    assert keras_names.tensor_name(layer, weight) == expected


def test_bias_in_front_of_a_norm_becomes_a_part_of_its_mean():
    tensors = {
        "conv1_conv/bias": np.array([1.0, 2.0]),
        "conv1_bn/moving_mean": np.array([5.0, 5.0]),
        "predictions/bias": np.array([3.0]),
    }
    folded = keras_names.FoldedBiases(tensors)
    assert sorted(folded) == ["conv1_bn/moving_mean", "predictions/bias"]
    np.testing.assert_array_equal(folded["conv1_bn/moving_mean"], [4.0, 3.0])
