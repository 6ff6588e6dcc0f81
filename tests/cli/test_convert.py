# Licensed under the Apache License, Version 2.0.
"""deeplab-convert: weights of any kind to a .keras file or back to TensorFlow 1."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.checkpoints.keras_file import KerasFileReader
from deeplab_tf.checkpoints.slim_names import slim_name
from deeplab_tf.cli import convert
from deeplab_tf.cli.model_options import build_config
from deeplab_tf.cli.network import open_network
from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.models import build_model
from tests import contracts
from tests.checkpoints.tf_checkpoints import slim_vgg, write_checkpoint
from tests.cli.command import parsed_flags, run_command
from tests.cli.tf1_checkpoint import write_tf1_checkpoint

OPTIONS = {"depth_multiplier": 0.35, "aspp_convs_filters": 8, "num_classes": 3}
FLAGS = ("--depth_multiplier=0.35", "--aspp_convs_filters=8")


@pytest.mark.parametrize(
    ("path", "given", "expected"),
    [
        ("a/m.keras", None, "keras"),
        ("a/model.ckpt", None, "tf1"),
        ("a/m.keras", "keras", "keras"),
        ("a/model.ckpt", "tf1", "tf1"),
    ],
)
def test_path_says_the_format(path, given, expected):
    assert convert.find_format(path, given) == expected


@pytest.mark.parametrize(
    ("path", "given", "message"),
    [
        ("a/model.ckpt", "keras", r"must end in \.keras"),
        ("a/m.keras", "tf1", "has a prefix"),
        (".", None, "has a prefix"),
        ("a/m.h5", None, r"\.h5 files are not written here"),
        ("a/m.tflite", "tf1", r"\.tflite files are not written here"),
    ],
)
def test_path_that_does_not_fit_the_format_is_told(path, given, message):
    with pytest.raises(ValueError, match=message):
        convert.find_format(path, given)


def test_flags_of_a_network_are_those_of_the_original():
    options = {"model_variant": "xception_65", "atrous_rates": (6, 12, 18)}
    config = build_config(options | {"decoder_output_stride": (8, 4)})
    assert convert.describe_flags(config) == (
        "--model_variant=xception_65 --atrous_rates=6 --atrous_rates=12 "
        "--atrous_rates=18 --decoder_output_stride=8,4"
    )


def test_flags_of_a_cell_and_of_lists():
    options = {
        "model_variant": "xception_71",
        "dense_prediction_cell_json": "dense_prediction_cell_branch5_top1_cityscapes",
        "image_pooling_crop_size": (769, 769),
    }
    assert convert.describe_flags(build_config(options)) == (
        "--model_variant=xception_71 --image_pooling_crop_size=769,769 "
        "--dense_prediction_cell_json=dense_prediction_cell_branch5_top1_cityscapes"
    )


def test_class_names_of_a_run_go_along(tmp_path, caplog):
    run, target = tmp_path / "run", tmp_path / "out" / "m.keras"
    run.mkdir()
    convert.keep_class_names(run, target)
    assert not target.parent.exists()
    (run / "dataset.json").write_text("names")
    convert.keep_class_names(run, target)
    assert (target.parent / "dataset.json").read_text() == "names"
    (run / "dataset.json").write_text("others")
    convert.keep_class_names(run, target)
    assert (target.parent / "dataset.json").read_text() == "names"
    assert "names other classes" in caplog.text


def test_conventions_that_the_original_lacks_are_warned_of(caplog):
    config = build_config({})
    convert.warn_of_conventions(config)
    assert not caplog.text
    scaling = PixelScaling(mean=(128.0,) * 3, deviation=(128.0,) * 3)
    config = dataclasses.replace(
        config,
        backbone=dataclasses.replace(config.backbone, input_scaling=scaling),
        head_style=dataclasses.replace(config.head_style, resize="half_pixel"),
    )
    convert.warn_of_conventions(config)
    assert "scales pixels otherwise" in caplog.text
    assert "resizes as 'half_pixel'" in caplog.text


@pytest.mark.parametrize("argument", ["--checkpoint_path=a", "--export_path=a.keras"])
def test_both_paths_must_be_given(argument):
    result = run_command("convert", argument)
    assert result.code == 1
    assert "--export_path must be given" in result.err


@pytest.mark.slow
def test_classifier_becomes_what_a_training_starts_from(tmp_path):
    tensors = slim_vgg(channels=2048, kernel_size=3)
    prefix = write_checkpoint(tmp_path / "vgg_16.ckpt", tensors)
    path = tmp_path / "large_fov.keras"
    arguments = [
        f"--checkpoint_path={prefix}",
        f"--export_path={path}",
        "--recipe=deeplab_v1_vgg_16_large_fov_voc2012",
    ]
    result = run_command("convert", *arguments)
    assert result.code == 1
    assert "missing from the checkpoint" in result.err
    result = run_command("convert", *arguments, "--allow_backbone")
    assert result.code == 0, result.err
    assert "fc6/kernel: every 2nd filter of 3x3x512x2048" in result.out
    np.testing.assert_array_equal(
        KerasFileReader(path)["model/fc7/kernel"],
        tensors["vgg_16/fc7/weights"][:, :, ::2, ::2],
    )


@pytest.mark.slow
def test_checkpoint_goes_to_keras_and_back(tmp_path):
    model = build_model(build_config(OPTIONS))
    contracts.draw_weights(model)
    prefix = write_tf1_checkpoint(model, tmp_path / "model.ckpt", step=7)
    path = tmp_path / "model.keras"
    result = run_command(
        "convert", f"--checkpoint_path={prefix}", f"--export_path={path}", *FLAGS
    )
    assert result.code == 0, result.err
    assert f"{len(model.weights)} variables assigned" in result.out
    assert KerasFileReader(path).config == build_config(OPTIONS)

    # The file says what network it holds.
    back = tmp_path / "tf1" / "model.ckpt"
    result = run_command(
        "convert", f"--checkpoint_path={path}", f"--export_path={back}"
    )
    assert result.code == 0, result.err
    assert "--num_classes=3 --depth_multiplier=0.35" in result.out
    reader = tf.train.load_checkpoint(str(back))
    for weight in model.weights:
        name = slim_name(weight.path, scope="MobilenetV2")
        np.testing.assert_array_equal(reader.get_tensor(name), weight, err_msg=name)

    with (
        parsed_flags("export_model", "--depth_multiplier=0.5"),
        pytest.raises(ValueError, match="does not fit the checkpoint"),
        open_network(path),
    ):
        pass
