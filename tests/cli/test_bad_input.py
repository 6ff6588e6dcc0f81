# Licensed under the Apache License, Version 2.0.
"""What a user's mistakes get: exit code 1 and a message, no traceback."""

import contextlib
import resource
import shutil

import pytest
import tensorflow as tf

from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.models import build_model
from tests.cli.command import run_command
from tests.cli.conftest import TRAIN_FLAGS
from tests.cli.tf1_checkpoint import write_tf1_checkpoint

pytestmark = pytest.mark.slow


def fails(command, *args):
    """Returns the message of a command that must end with exit code 1."""
    result = run_command(command, *args)
    assert result.code == 1, result.out
    _, found, message = result.err.rpartition("error: ")
    assert found, result.err
    return message


def train_flags(run, records, *args):
    folders = (f"--train_logdir={run}", f"--dataset_dir={records}")
    return (*TRAIN_FLAGS, "--set=train.steps=4", *folders, *args)


def eval_flags(run, records, folder, *args):
    return (
        f"--checkpoint_dir={run}",
        f"--dataset_dir={records}",
        f"--eval_logdir={folder}",
        *args,
    )


@contextlib.contextmanager
def full_disk(free_bytes):
    """Lets no file grow over so many bytes, in place of a disk without room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_missing_data_folder_is_named(run_folder, tmp_path):
    absent = tmp_path / "absent"
    for arguments in (
        ("train", *train_flags(tmp_path / "run", absent)),
        ("eval", *eval_flags(run_folder, absent, tmp_path)),
    ):
        message = fails(*arguments)
        assert f"--dataset_dir={absent}: there is no such folder" in message
    assert not (tmp_path / "run").exists()


def test_data_that_needs_a_folder_asks_for_it(tmp_path):
    message = fails("train", f"--train_logdir={tmp_path / 'run'}")
    assert "needs the folder of its TFRecords" in message


def test_a_missing_split_lists_those_there_are(run_folder, records, tmp_path):
    message = fails(
        "eval", *eval_flags(run_folder, records, tmp_path, "--eval_split=test")
    )
    assert "no records of split 'test'" in message
    assert "train, val" in message


@pytest.mark.parametrize("command", ["eval", "vis", "export_model"])
def test_a_missing_checkpoint_is_named(command, records, tmp_path):
    flag = "checkpoint_path" if command == "export_model" else "checkpoint_dir"
    target = {"eval": "eval_logdir", "vis": "vis_logdir"}.get(command, "export_path")
    data = () if command == "export_model" else (f"--dataset_dir={records}",)
    message = fails(
        command, f"--{flag}={tmp_path / 'no'}", f"--{target}={tmp_path}", *data
    )
    assert f"There is no checkpoint at {tmp_path / 'no'}" in message


def test_a_missing_initial_checkpoint_is_named(records, tmp_path):
    message = fails(
        "train",
        *train_flags(tmp_path / "run", records, "--set=train.steps=1"),
        "--tf_initial_checkpoint=/no/model.ckpt",
    )
    assert "There is no checkpoint at /no/model.ckpt" in message


def test_an_unknown_recipe_lists_those_there_are(tmp_path):
    message = fails(
        "train", f"--train_logdir={tmp_path / 'run'}", "--recipe=deeplab_v9"
    )
    assert "deeplab_v3plus_mobilenet_v2_shapes" in message


def test_a_field_that_is_none_lists_those_there_are(records, tmp_path):
    message = fails(
        "train", *train_flags(tmp_path / "run", records, "--set=train.stps=3")
    )
    assert "'stps'" in message
    assert "batch_size" in message


def test_a_checkpoint_of_another_network_lists_what_differs(records, tmp_path):
    config = DeepLabV3Config(
        num_classes=6, backbone=MobileNetV2Config(depth_multiplier=0.35)
    )
    prefix = write_tf1_checkpoint(build_model(config), tmp_path / "model.ckpt")
    message = fails("eval", *eval_flags(prefix, records, tmp_path))
    assert "does not fit this network; nothing was loaded" in message
    assert "depth multiplier" in message
    # Another network goes into training neither.
    message = fails(
        "train",
        *train_flags(tmp_path / "run", records, f"--tf_initial_checkpoint={prefix}"),
    )
    assert "does not fit this network; nothing was loaded" in message


def test_data_of_another_number_of_classes_is_refused(run_folder, unlabelled, tmp_path):
    message = fails(
        "eval",
        *eval_flags(run_folder, unlabelled, tmp_path),
        "--dataset=camvid",
        "--eval_split=test",
    )
    assert "a network of 6 classes, and data set 'camvid' has 11" in message


def test_a_flag_against_the_checkpoint_is_refused(run_folder, records, tmp_path):
    message = fails(
        "eval", *eval_flags(run_folder, records, tmp_path, "--depth_multiplier=1.0")
    )
    assert "--depth_multiplier=1.0 does not fit the checkpoint" in message


def test_a_run_of_other_settings_is_not_continued(run_copy, records):
    message = fails("train", *train_flags(run_copy, records, "--weight_decay=0.5"))
    assert "train.weight_decay" in message
    assert "take another folder" in message


def test_a_truncated_record_is_named(run_folder, records, tmp_path):
    data = shutil.copytree(records, tmp_path / "data")
    for split in ("train", "val"):
        path = data / f"{split}-00000-of-00001.tfrecord"
        path.write_bytes(path.read_bytes()[:-1000])
    message = fails("eval", *eval_flags(run_folder, data, tmp_path))
    assert "val-00000-of-00001.tfrecord is truncated" in message
    message = fails("train", *train_flags(tmp_path / "run", data))
    assert "train-00000-of-00001.tfrecord is truncated" in message


def test_a_damaged_record_is_named(run_folder, records, tmp_path):
    data = shutil.copytree(records, tmp_path / "data")
    path = data / "val-00000-of-00001.tfrecord"
    content = bytearray(path.read_bytes())
    content[-2000:-1900] = bytes(100)
    path.write_bytes(content)
    message = fails("eval", *eval_flags(run_folder, data, tmp_path))
    assert message.startswith(f"Damaged example: {path}")
    assert "Build or copy it again." in message


def test_a_truncated_checkpoint_is_said(run_copy, records, tmp_path):
    path = run_copy / "model.ckpt-3.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:-100_000])
    message = fails("eval", *eval_flags(run_copy, records, tmp_path))
    assert "model.ckpt-3" in message
    assert "damaged" in message


def test_an_output_path_that_cannot_be_written_is_refused(
    run_folder, records, tmp_path
):
    file = tmp_path / "file"
    file.write_text("kept")
    for arguments in (
        (
            "export_model",
            f"--checkpoint_path={run_folder}",
            f"--export_path={file / 'x.pb'}",
        ),
        ("eval", *eval_flags(run_folder, records, file)),
        ("train", *train_flags(file, records)),
    ):
        assert f"{file} is a file" in fails(*arguments)
    assert file.read_text() == "kept"


def test_an_export_replaces_no_folder_of_other_things(run_folder, tmp_path):
    (tmp_path / "thesis.tex").write_text("kept")
    message = fails(
        "export_model",
        f"--checkpoint_path={run_folder}",
        f"--export_path={tmp_path}",
    )
    assert "holds thesis.tex" in message
    assert (tmp_path / "thesis.tex").read_text() == "kept"


def test_a_full_disk_keeps_the_last_checkpoint(run_copy, records):
    with full_disk(100_000):
        message = fails("train", *train_flags(run_copy, records))
    assert "model.ckpt-4 could not be written" in message
    assert tf.train.latest_checkpoint(str(run_copy)) == str(run_copy / "model.ckpt-3")
    reader = tf.train.load_checkpoint(str(run_copy / "model.ckpt-3"))
    assert reader.get_tensor("global_step") == 3
    # With room again the same command goes on.
    result = run_command("train", *train_flags(run_copy, records))
    assert result.code == 0, result.err
    assert "Trained to step 4" in result.out


def test_a_full_disk_leaves_no_half_export(run_folder, tmp_path):
    for target, format_ in (
        ("graph.pb", "saved_model"),
        ("folder", "saved_model"),
        ("model.tflite", "tflite"),
    ):
        with full_disk(100_000):
            message = fails(
                "export_model",
                f"--checkpoint_path={run_folder}",
                f"--export_path={tmp_path / target}",
                f"--format={format_}",
            )
        assert f"{tmp_path / target} could not be written" in message
        assert "Make room on the disk" in message
    assert list(tmp_path.iterdir()) == []
