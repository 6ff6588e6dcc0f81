# Licensed under the Apache License, Version 2.0.
"""The command lines of research/deeplab's documentation, as they stand there."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.cli import model_options
from deeplab_tf.data import label_files, record_files, schema
from deeplab_tf.models import build_model
from tests.cli.command import parsed_flags
from tests.cli.tf1_checkpoint import write_tf1_checkpoint

# local_test_mobilenetv2.sh; <...> stands for a path.
LOCAL_TEST = {
    "train": (
        "--logtostderr",
        "--train_split=trainval",
        "--model_variant=mobilenet_v2",
        "--output_stride=16",
        "--train_crop_size=513,513",
        "--train_batch_size=4",
        "--training_number_of_steps=10",
        "--fine_tune_batch_norm=true",
        "--tf_initial_checkpoint=<initial>",
        "--train_logdir=<train>",
        "--dataset_dir=<data>",
    ),
    "eval": (
        "--logtostderr",
        "--eval_split=val",
        "--model_variant=mobilenet_v2",
        "--eval_crop_size=513,513",
        "--checkpoint_dir=<train>",
        "--eval_logdir=<eval>",
        "--dataset_dir=<data>",
        "--max_number_of_evaluations=1",
    ),
    "vis": (
        "--logtostderr",
        "--vis_split=val",
        "--model_variant=mobilenet_v2",
        "--vis_crop_size=513,513",
        "--checkpoint_dir=<train>",
        "--vis_logdir=<vis>",
        "--dataset_dir=<data>",
        "--max_number_of_iterations=1",
    ),
    "export_model": (
        "--logtostderr",
        "--checkpoint_path=<train>/model.ckpt-10",
        "--export_path=<export>/frozen_inference_graph.pb",
        "--model_variant=mobilenet_v2",
        "--num_classes=21",
        "--crop_size=513",
        "--crop_size=513",
        "--inference_scales=1.0",
    ),
}


def documented_lines(reference):
    """Yields (document, command, flags) of the recorded command lines."""
    for line in (reference / "facts" / "flags.md").read_text().splitlines():
        found = re.match(r"- (\S+), `(\w+)\.py`: (.+)$", line)
        if found:
            items = re.findall(r"`([^`]+)`", found[3])
            yield found[1], found[2], tuple(f"--{item}" for item in items)


def without_paths(arguments):
    return [re.sub(r"=.*<.*$", "", argument) for argument in arguments]


@pytest.mark.reference
def test_the_commands_here_are_those_of_the_documentation(reference):
    lines = list(documented_lines(reference))
    assert len(lines) > 15
    for document, command, arguments in lines:
        if document == "local_test_mobilenetv2.sh":
            assert without_paths(arguments) == without_paths(LOCAL_TEST[command])


@pytest.mark.reference
def test_every_documented_command_parses(reference):
    for _, command, arguments in documented_lines(reference):
        with parsed_flags(command, *arguments):
            pass


def voc_example(name, number, size):
    height, width = size
    image = np.random.default_rng(number).integers(0, 256, (height, width, 3))
    labels = np.full(size, number % 21, np.uint8)
    labels[: height // 2, : width // 2] = 15
    labels[height // 3] = 255
    return schema.encode_example(
        name,
        image=tf.io.encode_jpeg(image.astype(np.uint8)).numpy(),
        image_format="jpeg",
        height=height,
        width=width,
        labels=label_files.encode_labels(labels),
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Records as research/deeplab builds them, and a checkpoint to start from."""
    root = tmp_path_factory.mktemp("local_test")
    data = root / "data"
    data.mkdir()
    for split, sizes in (
        ("trainval", [(75, 100), (100, 75), (90, 100), (120, 80)]),
        ("val", [(75, 100), (100, 66)]),
    ):
        path = data / record_files.shard_name(split, shard=0, num_shards=1)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for number, size in enumerate(sizes):
                writer.write(voc_example(f"2007_{number:06d}", number, size))
    model = build_model(model_options.build_config({}))
    initial = write_tf1_checkpoint(model, root / "model.ckpt-30000", step=30000)
    return {"root": root, "data": data, "initial": initial}


@pytest.mark.slow
def test_the_local_test_of_mobilenet_v2_runs(folders, root):
    work = folders["root"]
    places = {name: work / name for name in ("train", "eval", "vis", "export")}
    places |= {name: folders[name] for name in ("data", "initial")}

    def run(command):
        arguments = [
            re.sub(r"<(\w+)>", lambda found: str(places[found[1]]), argument)
            for argument in LOCAL_TEST[command]
        ]
        done = subprocess.run(
            [sys.executable, f"{command}.py", *arguments],
            cwd=root,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    printed = run("train")
    assert "variables assigned" in printed
    assert "Trained to step 10" in printed
    assert (places["train"] / "model.ckpt-10.index").is_file()
    printed = run("eval")
    assert "tvmonitor" in printed
    assert (places["eval"] / "eval.json").is_file()
    run("vis")
    shown = places["vis"] / "segmentation_results" / "000001_prediction.png"
    assert np.array(Image.open(shown)).shape == (100, 66, 3)
    assert "labels equal to the model's on" in run("export_model")
    assert (places["export"] / "frozen_inference_graph.pb").is_file()


def test_the_scripts_end_with_a_message_and_no_traceback(root):
    for command in LOCAL_TEST:
        done = subprocess.run(
            [sys.executable, f"{command}.py", "--quantize_delay_step=0"],
            cwd=root,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("error: --quantize_delay_step is not built yet")
        assert pathlib.Path(root / f"{command}.py").is_file()
