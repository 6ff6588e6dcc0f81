# Licensed under the Apache License, Version 2.0.
"""Loading checkpoints of research/deeplab and our own into a network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.checkpoints.importer import WeightsMismatchError
from deeplab_tf.checkpoints.load import load_checkpoint, load_tensors
from deeplab_tf.checkpoints.slim_names import slim_name
from deeplab_tf.cli.model_options import build_config
from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.models import build_model
from tests import contracts
from tests.checkpoints.tf_checkpoints import write_checkpoint, write_v1_checkpoint
from tests.models.model_cases import config_of


@pytest.fixture
def model():
    model = build_model(config_of("v3plus"))
    contracts.draw_weights(model)
    return model


@pytest.fixture
def blank():
    return build_model(config_of("v3plus"))


def slim_tensors(model):
    tensors = {
        slim_name(w.path, scope="MobilenetV2"): np.asarray(w) for w in model.weights
    }
    return tensors | {"global_step": np.int64(30)}


def own_tensors(model):
    tensors = {f"model/{w.path}": np.asarray(w) for w in model.weights}
    return tensors | {
        "model/seed/0": np.array([1, 2], "uint32"),
        "optimizer/momentum/conv/kernel": np.zeros(3, "float32"),
        "global_step": np.int64(30),
    }


FORMATS = {"research/deeplab": slim_tensors, "deeplab_tf": own_tensors}
every_format = pytest.mark.parametrize("name", FORMATS)


def check_equal(model, expected):
    for ours, theirs in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


@every_format
def test_checkpoint_is_loaded_by_its_names(name, model, blank, tmp_path):
    prefix = write_checkpoint(tmp_path / "model.ckpt-30", FORMATS[name](model))
    report = load_checkpoint(blank, prefix)
    check_equal(blank, model)
    assert report.format == name
    assert report.path == prefix
    assert len(report.assigned) == len(model.weights)
    assert "global_step" in report.ignored


@every_format
def test_checkpoint_of_other_classes_is_loaded_without_the_last_layer(
    name, model, tmp_path
):
    prefix = write_checkpoint(tmp_path / "model.ckpt", FORMATS[name](model))
    options = {"depth_multiplier": 0.35, "num_classes": 7, "aspp_convs_filters": 16}
    options |= {"decoder_filters": 16, "decoder_output_stride": (4,)}
    other = build_model(build_config(options | {"atrous_rates": (6, 12, 18)}))
    with pytest.raises(WeightsMismatchError, match="Only the classifier differs"):
        load_checkpoint(other, prefix)
    report = load_checkpoint(other, prefix, skip=["^logits/"])
    assert report.skipped == ("logits/kernel", "logits/bias")
    np.testing.assert_array_equal(other.weights[0], model.weights[0])


@every_format
def test_checkpoint_of_another_head_is_refused_as_a_whole(name, model, tmp_path):
    prefix = write_checkpoint(tmp_path / "model.ckpt", FORMATS[name](model))
    other = build_model(config_of("v3plus_two_stages"))
    before = [np.asarray(weight) for weight in other.weights]
    with pytest.raises(WeightsMismatchError, match="feature_projection0_1"):
        load_checkpoint(other, prefix)
    for weight, value in zip(other.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_damaged_checkpoint_leaves_the_network_as_it_was(model, blank, tmp_path):
    prefix = write_checkpoint(tmp_path / "model.ckpt", slim_tensors(model))
    before = [np.asarray(weight) for weight in blank.weights]
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="damaged or cut short"):
        load_checkpoint(blank, prefix)
    for weight, value in zip(blank.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


@every_format
def test_moving_averages_that_are_not_there_are_told(name, model, blank, tmp_path):
    prefix = write_checkpoint(tmp_path / "model.ckpt", FORMATS[name](model))
    with pytest.raises(ValueError, match="holds no moving averages"):
        load_checkpoint(blank, prefix, use_moving_averages=True)


def test_classifier_of_whole_images_sets_the_backbone_where_that_is_allowed(
    model, blank, tmp_path
):
    head = ("aspp", "image_pooling", "concat_projection", "decoder", "logits/semantic")
    tensors = {
        name: value
        for name, value in slim_tensors(model).items()
        if not name.startswith(head)
    }
    tensors["MobilenetV2/Logits/Conv2d_1c_1x1/biases"] = np.zeros(1001, "float32")
    prefix = write_checkpoint(tmp_path / "model.ckpt", tensors)
    with pytest.raises(WeightsMismatchError, match="missing from the checkpoint"):
        load_checkpoint(blank, prefix)
    report = load_checkpoint(blank, prefix, allow_backbone=True)
    assert {name.partition("/")[0] for name in report.skipped} == {
        "aspp",
        "decoder",
        "logits",
    }
    np.testing.assert_array_equal(blank.weights[0], model.weights[0])


def test_v1_checkpoint_is_loaded(model, blank, tmp_path):
    path = write_v1_checkpoint(tmp_path / "model.ckpt", slim_tensors(model))
    report = load_checkpoint(blank, path)
    check_equal(blank, model)
    assert report.path == path


def slim_classifier():
    """Names and shapes in slim's ImageNet checkpoint of ResNet-v1-101."""

    def conv(scope, *shape):
        norm = ("beta", "gamma", "moving_mean", "moving_variance")
        values = {f"{scope}/BatchNorm/{name}": shape[-1:] for name in norm}
        return {f"{scope}/weights": shape} | values

    shapes = conv("resnet_v1_101/conv1", 7, 7, 3, 64)
    channels = 64
    for block, units in enumerate((3, 4, 23, 3), start=1):
        narrow = 32 << block
        for unit in range(1, units + 1):
            scope = f"resnet_v1_101/block{block}/unit_{unit}/bottleneck_v1"
            if unit == 1:
                shapes |= conv(f"{scope}/shortcut", 1, 1, channels, 4 * narrow)
            shapes |= conv(f"{scope}/conv1", 1, 1, channels, narrow)
            shapes |= conv(f"{scope}/conv2", 3, 3, narrow, narrow)
            shapes |= conv(f"{scope}/conv3", 1, 1, narrow, 4 * narrow)
            channels = 4 * narrow
    return shapes | {
        "resnet_v1_101/logits/weights": (1, 1, 2048, 1000),
        "resnet_v1_101/logits/biases": (1000,),
        "resnet_v1_101/mean_rgb": (3,),
        "global_step": (),
    }


@pytest.mark.slow
def test_slim_classifier_sets_the_backbone_of_resnet_v1_101():
    tensors = {
        name: np.broadcast_to(np.float32(0.5), shape)
        for name, shape in slim_classifier().items()
    }
    network = build_model(
        DeepLabV3Config(backbone=ResNetConfig(depth=101), aspp=ASPPConfig(filters=8))
    )
    report = load_tensors(network, tensors, path="v1.ckpt", allow_backbone=True)
    assert len(report.assigned) == 5 * (1 + 4 + 3 * 33)
    assert {name.partition("/")[0] for name in report.skipped} == {"aspp", "logits"}
    assert report.ignored == (
        "global_step",
        "resnet_v1_101/logits/biases",
        "resnet_v1_101/logits/weights",
        "resnet_v1_101/mean_rgb",
    )


def test_checkpoint_with_a_part_of_the_head_is_no_backbone(model, blank, tmp_path):
    tensors = slim_tensors(model)
    del tensors["logits/semantic/biases"]
    prefix = write_checkpoint(tmp_path / "model.ckpt", tensors)
    with pytest.raises(WeightsMismatchError, match="logits/semantic/biases"):
        load_checkpoint(blank, prefix, allow_backbone=True)


def test_unknown_names_are_shown(blank, tmp_path):
    tensors = {f"generator/{i}": np.zeros(2, "float32") for i in range(9)}
    prefix = write_checkpoint(tmp_path / "model.ckpt", tensors)
    message = r"no known network: .* found generator/0, generator/1, .*\(9 tensors\)"
    with pytest.raises(ValueError, match=message):
        load_checkpoint(blank, prefix)


def test_object_based_checkpoint_is_not_taken_for_ours(blank, tmp_path):
    layer = keras.layers.Dense(2)
    layer.build((1, 3))
    prefix = tf.train.Checkpoint(model=layer).save(str(tmp_path / "ckpt"))
    with pytest.raises(ValueError, match="no known network"):
        load_checkpoint(blank, prefix)


@every_format
def test_skipped_parts_may_be_more_in_the_checkpoint(name, model, tmp_path):
    prefix = write_checkpoint(tmp_path / "model.ckpt-30", FORMATS[name](model))
    smaller = build_model(config_of("v3"))
    with pytest.raises(WeightsMismatchError, match="have no place here"):
        load_checkpoint(smaller, prefix)
    heads = ("^logits/", "^aspp/", "^decoder/")
    report = load_checkpoint(smaller, prefix, skip=heads)
    assert all("decoder" not in ours for ours, _ in report.assigned)
    assert any("decoder" in theirs for theirs in report.ignored)
    np.testing.assert_array_equal(
        smaller.get_layer("conv").kernel, model.get_layer("conv").kernel
    )


def test_a_mismatch_names_the_flags_that_would_fit(model, tmp_path):
    prefix = write_checkpoint(tmp_path / "model.ckpt-30", slim_tensors(model))
    other = build_model(config_of("v3"))
    flags = (
        "--model_variant=mobilenet_v2 --depth_multiplier=0.35 --atrous_rates=6 "
        "--atrous_rates=12 --atrous_rates=18 --aspp_convs_filters=16 "
        "--decoder_output_stride=4 --decoder_filters=16 --num_classes=5"
    )
    with pytest.raises(
        WeightsMismatchError, match=f"of a network with the flags\n  {flags}$"
    ):
        load_checkpoint(other, prefix)
