# Licensed under the Apache License, Version 2.0.
"""The command lines of research/deeplab's documentation, as they stand there."""

import concurrent.futures
import multiprocessing
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.backbones import build_backbone
from deeplab_tf.cli import model_options
from deeplab_tf.data import label_files, record_files, schema
from deeplab_tf.data.catalog import get_dataset_info
from deeplab_tf.models import build_model
from tests.cli.command import parsed_flags, run_command
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


def with_paths(arguments, paths):
    """Returns arguments with those of `paths`, by flag, where <...> stands."""

    def put(found):
        return f"--{found[1]}={paths[found[1]]}"

    return [re.sub(r"^--(\w+)=.*<.*$", put, argument) for argument in arguments]


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


def voc_example(name, number, size, ignore_label=255):
    height, width = size
    image = np.random.default_rng(number).integers(0, 256, (height, width, 3))
    labels = np.full(size, number % 21, np.uint8)
    labels[: height // 2, : width // 2] = 15
    labels[height // 3] = ignore_label
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


# Put behind the lines of a command; all else stays as it stands. Of a flag that is
# given twice the last counts. At full size they would leave other tests no memory.
SMALLER = {
    "train": (
        "--training_number_of_steps=1",
        "--train_batch_size=1",
        "--train_crop_size=129,129",
    ),
    "eval": ("--eval_crop_size=129,161",),
    "vis": ("--vis_crop_size=129,161",),
}
# Page of the original -> data set of its lines, and whether the checkpoint to start
# from is a bare backbone, as its pages recommend for other classes than VOC's.
PAGES = {
    "pascal.md": ("pascal_voc_seg", False),
    "cityscapes.md": ("cityscapes", True),
    "ade20k.md": ("ade20k", True),
    "local_test.sh": ("pascal_voc_seg", False),
}
# Pages with a test of their own.
OTHER_PAGES = ("local_test_mobilenetv2.sh", "export_model.md")
# Page whose lines do not run yet -> what they end with.
EXCEPTED = {"quantize.md": "error: --quantize_delay_step is not built yet"}


@pytest.mark.reference
def test_every_documented_line_is_run_or_excepted(reference):
    pages = {document for document, _, _ in documented_lines(reference)}
    assert pages == {*PAGES, *OTHER_PAGES, *EXCEPTED}


@pytest.mark.reference
@pytest.mark.parametrize("page", EXCEPTED)
def test_excepted_lines_say_why(page, reference):
    lines = [line for line in documented_lines(reference) if line[0] == page]
    for _, command, arguments in lines:
        result = run_command(command, *arguments)
        assert result.code == 1
        assert result.err.startswith(EXCEPTED[page])


@pytest.fixture(scope="module")
def xception_checkpoints(tmp_path_factory):
    """Returns prefixes of a whole DeepLabv3+ and of its backbone."""
    folder = tmp_path_factory.mktemp("xception")
    options = {"model_variant": "xception_65", "atrous_rates": (6, 12, 18)}
    config = model_options.build_config(options | {"decoder_output_stride": (4,)})
    model = build_model(config)
    backbone = build_backbone(config.backbone, config.backbone_style)
    backbone = keras.Model(backbone.input, backbone.features)
    return {
        name: write_tf1_checkpoint(network, folder / name, scope="xception_65")
        for name, network in {"whole": model, "backbone": backbone}.items()
    }


def small_records(folder, dataset):
    """Writes one image of a data set for each split."""
    folder.mkdir()
    for split in ("train", "trainval", "val"):
        path = folder / record_files.shard_name(split, shard=0, num_shards=1)
        name = "aachen_000000_000019_leftImg8bit" if dataset == "cityscapes" else "a"
        with tf.io.TFRecordWriter(str(path)) as writer:
            ignore_label = get_dataset_info(dataset).ignore_label
            writer.write(voc_example(name, 1, (60, 90), ignore_label))
    return folder


@pytest.fixture
def other_process():
    """Runs commands where their memory is given back after the test."""
    with concurrent.futures.ProcessPoolExecutor(
        max_workers=1, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        yield pool


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_documented_lines_run_as_they_stand(
    page, reference, xception_checkpoints, tmp_path, other_process
):
    dataset, bare = PAGES[page]
    logdir = tmp_path / "train"
    paths = {
        "dataset_dir": small_records(tmp_path / "records", dataset),
        "tf_initial_checkpoint": xception_checkpoints["backbone" if bare else "whole"],
        "train_logdir": logdir,
        "checkpoint_dir": logdir,
        "checkpoint_path": logdir / "model.ckpt-1",
        "eval_logdir": tmp_path / "eval",
        "vis_logdir": tmp_path / "vis",
        "export_path": tmp_path / "export" / "frozen_inference_graph.pb",
    }
    commands = []
    for document, command, arguments in documented_lines(reference):
        if document != page:
            continue
        words = [*with_paths(arguments, paths), *SMALLER.get(command, ())]
        result = other_process.submit(run_command, command, *words).result()
        assert result.code == 0, result.err
        commands.append(command)
    assert commands[0] == "train"
    assert (logdir / "model.ckpt-1.index").is_file()
    if "eval" in commands:
        assert (tmp_path / "eval" / "eval.json").is_file()
    if "vis" in commands:
        shown = tmp_path / "vis" / "segmentation_results" / "000000_prediction.png"
        assert np.array(Image.open(shown)).shape == (60, 90, 3)
    if "export_model" in commands:
        assert paths["export_path"].is_file()


@pytest.mark.reference
@pytest.mark.slow
def test_the_line_of_the_page_on_export_runs(reference, folders, tmp_path):
    lines = [line for line in documented_lines(reference) if line[0] == OTHER_PAGES[1]]
    ((_, command, arguments),) = lines
    # It names no network: the checkpoint is one of the original's default.
    paths = {
        "checkpoint_path": folders["initial"],
        "export_path": tmp_path / "frozen_inference_graph.pb",
    }
    result = run_command(command, *with_paths(arguments, paths))
    assert result.code == 0, result.err
    assert "labels equal to the model's on" in result.out
    assert paths["export_path"].is_file()


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
