# Licensed under the Apache License, Version 2.0.
"""train.py: what a run starts from, and its options from flags to an export."""

import json

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.checkpoints.readers import open_checkpoint
from deeplab_tf.cli import model_options, train
from deeplab_tf.cli.recipe_flags import build_recipe
from deeplab_tf.models import build_model
from deeplab_tf.recipes import get_recipe
from deeplab_tf.training import checkpointing
from tests.checkpoints.tf_checkpoints import write_v1_checkpoint
from tests.cli.command import parsed_flags, run_command
from tests.cli.conftest import TRAIN_FLAGS
from tests.cli.tf1_checkpoint import write_tf1_checkpoint

NETWORK = {
    "depth_multiplier": 0.35,
    "atrous_rates": (2,),
    "aspp_convs_filters": 8,
    "decoder_output_stride": (4,),
    "decoder_filters": 8,
}
NETWORK_FLAGS = (
    "--depth_multiplier=0.35",
    "--atrous_rates=2",
    "--aspp_convs_filters=8",
    "--decoder_output_stride=4",
    "--decoder_filters=8",
)


@pytest.fixture(scope="module")
def tf1_checkpoints(tmp_path_factory):
    """Checkpoints of 21 classes and of the backbone alone; all weights are 0.25."""
    folder = tmp_path_factory.mktemp("tf1")
    model = build_model(model_options.build_config(NETWORK | {"num_classes": 21}))
    model.set_weights([np.full(w.shape, 0.25, "float32") for w in model.weights])
    whole = write_tf1_checkpoint(model, folder / "whole.ckpt", step=7)
    reader = tf.train.load_checkpoint(str(whole))
    names = [
        name
        for name in reader.get_variable_to_shape_map()
        if name.startswith("MobilenetV2/")
    ]
    backbone = folder / "backbone.ckpt"
    tf.raw_ops.SaveV2(
        prefix=str(backbone),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[reader.get_tensor(name) for name in names],
    )
    return {"whole": whole, "backbone": backbone}


def loaded_parts(checkpoint, *arguments, num_classes=3):
    """Returns the first parts of the paths whose weights the checkpoint set."""
    with parsed_flags(
        "train", *NETWORK_FLAGS, f"--tf_initial_checkpoint={checkpoint}", *arguments
    ):
        recipe = build_recipe(num_classes=num_classes)
        model = build_model(recipe.model)
        train._initializer(recipe, workdir="nowhere")(model)
    is_set = {w.path: bool(np.all(w.numpy() == 0.25)) for w in model.weights}
    parts = {path.partition("/")[0] for path, was_set in is_set.items() if was_set}
    for part in parts:
        assert all(v for path, v in is_set.items() if path.startswith(f"{part}/"))
    return parts & {"conv", "aspp", "decoder", "logits"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--initialize_last_layer=false"], {"conv"}),
        (
            ["--initialize_last_layer=false", "--last_layers_contain_logits_only"],
            {"conv", "aspp", "decoder"},
        ),
    ],
    ids=["head", "logits"],
)
def test_last_layers_are_left_out_as_the_original_does(
    tf1_checkpoints, arguments, expected, capsys
):
    assert loaded_parts(tf1_checkpoints["whole"], *arguments) == expected
    assert "variables left as initialised: " in capsys.readouterr().out


def test_last_layers_are_loaded_unless_a_flag_says_otherwise(tf1_checkpoints):
    parts = {"conv", "aspp", "decoder", "logits"}
    assert loaded_parts(tf1_checkpoints["whole"], num_classes=21) == parts
    # Which layers are the last is then a matter of their gradients alone.
    logits_only = "--last_layers_contain_logits_only"
    found = loaded_parts(tf1_checkpoints["whole"], logits_only, num_classes=21)
    assert found == parts


def test_another_number_of_classes_names_the_flag(tf1_checkpoints):
    with pytest.raises(ValueError, match="--initialize_last_layer=false"):
        loaded_parts(tf1_checkpoints["whole"])


@pytest.mark.parametrize(
    "arguments",
    [[], ["--initialize_last_layer=false"], ["--last_layers_contain_logits_only"]],
    ids=["all", "backbone", "logits"],
)
def test_a_checkpoint_of_a_classifier_sets_the_backbone(tf1_checkpoints, arguments):
    assert loaded_parts(tf1_checkpoints["backbone"], *arguments) == {"conv"}


def test_a_v1_checkpoint_is_an_initial_checkpoint(tf1_checkpoints, tmp_path):
    with open_checkpoint(tf1_checkpoints["backbone"]) as reader:
        path = write_v1_checkpoint(tmp_path / "mobilenet_v2.ckpt", dict(reader))
    assert loaded_parts(path) == {"conv"}


@pytest.fixture(scope="module")
def averaged(records, tmp_path_factory):
    """A run with every option of the training that changes how it computes."""
    folder = tmp_path_factory.mktemp("averaged") / "run"
    result = run_command(
        "train",
        *TRAIN_FLAGS,
        "--training_number_of_steps=3",
        "--train_batch_size=4",
        "--gradient_accumulation=2",
        "--clip_norm=1",
        "--moving_average_decay=0.9",
        "--precision=mixed_bfloat16",
        "--fine_tune_batch_norm=false",
        # tests/training/test_train.py validates.
        "--eval_split=",
        f"--dataset_dir={records}",
        f"--train_logdir={folder}",
    )
    assert result.code == 0, result.err
    return result, folder


@pytest.mark.slow
def test_a_run_with_all_options_keeps_float32_weights(averaged):
    result, folder = averaged
    assert "Trained to step 3" in result.out
    config = checkpointing.read_config(folder).train
    assert (config.gradient_accumulation, config.clip_norm) == (2, 1.0)
    tensors = checkpointing.read_checkpoint(folder)
    floats = {v.dtype for v in tensors.values() if v.dtype.kind not in "iu"}
    assert floats == {np.dtype("float32")}
    # The statistics were left alone, and gamma was trained.
    assert not np.any(tensors["model/conv/norm/moving_mean"])
    assert np.any(tensors["model/aspp/aspp0/norm/gamma"] != 1)


@pytest.mark.slow
@pytest.mark.parametrize("flag", [None, False])
def test_evaluation_says_whether_it_takes_the_averages(
    averaged, records, tmp_path, flag
):
    given = [] if flag is None else [f"--use_moving_averages={flag}"]
    result = run_command(
        "eval",
        f"--checkpoint_dir={averaged[1]}",
        f"--dataset_dir={records}",
        f"--eval_logdir={tmp_path}",
        "--eval_split=val",
        "--max_images=1",
        *given,
    )
    assert result.code == 0, result.err
    takes_averages = flag is not False
    start = "Moving averages of the weights from" if takes_averages else "Weights from"
    assert result.out.startswith(start)
    report = json.loads((tmp_path / "eval.json").read_text())
    assert report["moving_averages"] is takes_averages


@pytest.mark.slow
def test_a_run_in_bfloat16_is_exported(averaged, tmp_path):
    result = run_command(
        "export_model",
        f"--checkpoint_path={averaged[1]}",
        f"--export_path={tmp_path / 'model'}",
        "--crop_size=65",
        "--crop_size=65",
    )
    assert result.code == 0, result.err
    assert result.out.startswith("Moving averages of the weights from")
    assert "labels equal to the model's on" in result.out


@pytest.mark.parametrize(
    ("arguments", "is_warned"),
    [
        (["--fine_tune_batch_norm=false"], True),
        ([], False),
        (["--fine_tune_batch_norm=false", "--tf_initial_checkpoint=a.ckpt"], False),
    ],
    ids=str,
)
def test_frozen_norm_over_random_weights_is_warned_of(
    tmp_path, caplog, arguments, is_warned
):
    with parsed_flags("train", *NETWORK_FLAGS, *arguments):
        recipe = build_recipe(num_classes=3)
        train._warn_of_random_weights(recipe, str(tmp_path))
    assert ("--fine_tune_batch_norm=true" in caplog.text) == is_warned


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("deeplab_v1_vgg_16_large_fov_voc2012", "VGG-16 has no batch norm"),
        ("deeplab_v2_resnet_101_aspp_voc2012", "Batch norm stays as it is"),
    ],
)
def test_random_weights_without_trained_norm_are_warned_of(
    name, message, tmp_path, caplog
):
    with parsed_flags("train"):
        train._warn_of_random_weights(get_recipe(name), str(tmp_path))
    (record,) = caplog.records
    assert message in record.message
