# Licensed under the Apache License, Version 2.0.
"""Tensors that a network takes otherwise than its source has them."""

import dataclasses

import keras
import numpy as np
import pytest

from deeplab_tf.backbones import build_backbone
from deeplab_tf.checkpoints.adaptation import decimate, import_adapted
from deeplab_tf.checkpoints.importer import WeightsMismatchError
from deeplab_tf.checkpoints.load import find_rules, load_checkpoint
from deeplab_tf.checkpoints.torch_networks import find_network
from deeplab_tf.config import vgg
from deeplab_tf.config.aspp import FullyConnectedClassifierConfig
from deeplab_tf.config.deeplab_v1 import DeepLabV1Config, MultiScaleConfig
from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
from deeplab_tf.config.image_classifier import ImageClassifierConfig
from deeplab_tf.config.pixel_scaling import CAFFE_SCALING, PixelScaling
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.vgg import VGG_STYLE, VGGConfig
from deeplab_tf.models import build_model
from tests import contracts
from tests.checkpoints.tf_checkpoints import slim_vgg, write_checkpoint

FEW = 8
LARGE_FOV = DeepLabV1Config(
    backbone=dataclasses.replace(vgg.LARGE_FOV, fc_channels=FEW)
)

WITH_MULTI_SCALE = dataclasses.replace(
    LARGE_FOV, multi_scale=MultiScaleConfig(filters=2)
)


@pytest.fixture(scope="module")
def tensors():
    return slim_vgg(channels=4 * FEW)


def load(config, tensors, *, skip=("^logits/",)):
    model = build_model(config)
    rules = find_rules(tensors, path="vgg_16.ckpt")
    return model, import_adapted(model, tensors, rules, skip=skip)


@pytest.mark.parametrize(
    ("left", "kept"), [(2, [0, 6]), (3, [0, 3, 6]), (4, [0, 2, 4, 6]), (7, range(7))]
)
def test_rows_and_columns_are_kept_from_the_first_to_the_last(left, kept):
    kernel = np.arange(7 * 7 * 2 * 8).reshape(7, 7, 2, 8)
    found = decimate(kernel, (left, left, 2, 4))
    expected = kernel[np.ix_(kept, kept, [0, 1], [0, 2, 4, 6])]
    np.testing.assert_array_equal(found, expected)


def test_filters_of_a_bias_are_those_of_its_kernel():
    np.testing.assert_array_equal(decimate(np.arange(12), (3,)), [0, 4, 8])


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((7, 7, 2, 8), (5, 5, 2, 8)),
        ((7, 7, 2, 8), (1, 1, 2, 8)),
        ((3, 3, 2, 8), (7, 7, 2, 8)),
        ((8,), (3,)),
        ((8,), (1, 1, 8, 8)),
    ],
)
def test_other_shapes_are_not_reached(shape, wanted):
    with pytest.raises(ValueError, match="cannot be decimated"):
        decimate(np.zeros(shape), wanted)


def test_checkpoint_of_slim_starts_large_fov(tensors, tmp_path):
    prefix = write_checkpoint(tmp_path / "vgg_16.ckpt", tensors)
    model = build_model(LARGE_FOV)
    report = load_checkpoint(model, prefix, allow_backbone=True)
    fc6, fc7 = model.get_layer("fc6"), model.get_layer("fc7")
    fc6_kernel, fc7_kernel = (tensors[f"vgg_16/{n}/weights"] for n in ("fc6", "fc7"))
    rows, quarter = [0, 3, 6], range(0, 32, 4)
    np.testing.assert_array_equal(
        fc6.kernel, fc6_kernel[np.ix_(rows, rows, range(512), quarter)]
    )
    np.testing.assert_array_equal(
        fc7.kernel, fc7_kernel[np.ix_([0], [0], quarter, quarter)]
    )
    np.testing.assert_array_equal(fc6.bias, tensors["vgg_16/fc6/biases"][quarter])
    assert report.skipped == ("logits/kernel", "logits/bias")
    assert report.notes == (
        "conv1_1/kernel: inputs reversed from RGB to BGR; the mean of the pixels was "
        "(123.68, 116.779, 103.939), and stays (122.675, 116.669, 104.008) here",
        "fc6/kernel: every 3rd row and column, every 4th filter of 7x7x512x32",
        "fc7/kernel: every 4th input and filter of 1x1x32x32",
    )
    assert str(report).endswith("\n  ".join(("", *report.notes)))


def test_every_branch_of_aspp_starts_from_the_same(tensors):
    classifier = FullyConnectedClassifierConfig(atrous_rates=(2, 4), channels=FEW)
    config = DeepLabV2Config(backbone=vgg.CAFFE_POOL5, classifier=classifier)
    model, report = load(config, tensors)
    for i in (1, 2):
        np.testing.assert_array_equal(
            model.get_layer(f"fc6_{i}").kernel,
            tensors["vgg_16/fc6/weights"][::3, ::3, :, ::4],
        )
    assert len(report.notes) == 1 + 2 * 2


def test_multi_scale_branches_start_from_nothing(tensors, tmp_path):
    prefix = write_checkpoint(tmp_path / "vgg_16.ckpt", tensors)
    report = load_checkpoint(build_model(WITH_MULTI_SCALE), prefix, allow_backbone=True)
    assert {name.partition("/")[0] for name in report.skipped} == {
        "logits",
        *(
            f"{x}_{y}"
            for x in ("image", *map("pool{}".format, (1, 2, 3, 4)))
            for y in ("conv", "fc")
        ),
    }


@pytest.mark.parametrize("skip", [(), ("^logits/",)])
def test_network_without_multi_scale_starts_one_with_it(skip, tmp_path):
    trained = build_model(LARGE_FOV)
    tensors = {f"model/{w.path}": np.asarray(w) for w in trained.weights}
    prefix = write_checkpoint(tmp_path / "model.ckpt-30", tensors)
    network = build_model(WITH_MULTI_SCALE)
    with pytest.raises(WeightsMismatchError, match="missing from the checkpoint"):
        load_checkpoint(network, prefix, skip=skip)
    report = load_checkpoint(network, prefix, skip=skip, allow_backbone=True)
    assert report.ignored == ("model/logits/bias", "model/logits/kernel")
    assert len(report.skipped) == 2 * (2 * 5 + 6)
    for layer in ("conv1_1", "fc7"):
        np.testing.assert_array_equal(
            network.get_layer(layer).kernel, trained.get_layer(layer).kernel
        )


def test_network_that_takes_it_as_it_is_gets_the_whole(tensors):
    backbone = VGGConfig(output_stride=32, padding="valid", fc_channels=4 * FEW)
    config = ImageClassifierConfig(backbone=backbone, num_classes=5)
    model, report = load(config, tensors)
    assert report.notes == ()
    np.testing.assert_array_equal(
        model.get_layer("conv1_1").kernel, tensors["vgg_16/conv1/conv1_1/weights"]
    )


def test_atrous_form_has_the_features_of_the_classifier():
    tensors = slim_vgg(channels=4 * FEW, kernel_size=3)
    options = {"fc_channels": 4 * FEW, "fc6_kernel_size": 3}
    image = contracts.draw_image(96, 96).astype("float32")
    features = {}
    for stride, padding in ((32, "valid"), (8, "same")):
        config = VGGConfig(output_stride=stride, padding=padding, **options)
        backbone = build_backbone(config, VGG_STYLE)
        model = keras.Model(backbone.input, backbone.features)
        import_adapted(model, tensors, find_rules(tensors, path="vgg_16.ckpt"))
        features[stride] = np.asarray(model(image))
    assert features[8].shape[1:3] == (12, 12)
    contracts.assert_close(features[8][:, 4, 4], features[32][:, 0, 0], tolerance=1e-5)


def test_network_that_was_trained_is_not_decimated(tensors):
    trained = tensors | {
        "logits/semantic/weights": np.zeros((1, 1, FEW, 21), "float32"),
        "logits/semantic/biases": np.zeros(21, "float32"),
    }
    with pytest.raises(WeightsMismatchError, match="4 shapes differ"):
        load(LARGE_FOV, trained, skip=())


def kazuto1011_first(scaling):
    """Returns their first kernel, our variable of it, and the note of the import."""
    theirs = np.arange(64 * 3 * 7 * 7, dtype="float32").reshape(64, 3, 7, 7)
    name = "layer1.conv1.conv.weight"
    rules = find_network([name, "fc.weight"]).rules
    config = ResNetConfig(depth=18, input_scaling=scaling)
    backbone = build_backbone(config, config.default_style)
    first = backbone.input
    for layer in ("input_scaling", "conv1"):
        first = keras.Model(backbone.input, backbone.features).get_layer(layer)(first)
    model = keras.Model(backbone.input, first)
    report = import_adapted(model, {name: theirs}, rules, skip=["norm/"])
    return (
        theirs.transpose(2, 3, 1, 0),
        np.asarray(model.get_layer("conv1").kernel),
        report,
    )


def test_first_kernel_stays_where_the_pixels_are_the_same():
    theirs, ours, report = kazuto1011_first(CAFFE_SCALING)
    np.testing.assert_array_equal(ours, theirs)
    assert report.notes == ()


def test_first_kernel_follows_order_and_scale_of_the_pixels():
    scaling = PixelScaling(mean=CAFFE_SCALING.mean, deviation=(2.0, 3.0, 4.0))
    theirs, ours, report = kazuto1011_first(scaling)
    expected = theirs[:, :, ::-1] * np.array([2, 3, 4], "float32")[:, np.newaxis]
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    (note,) = report.notes
    assert note == (
        "conv1/kernel: inputs reversed from BGR to RGB; scaled by the deviation of the "
        "pixels here and there"
    )
