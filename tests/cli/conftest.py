# Licensed under the Apache License, Version 2.0.
"""Small records and a run of three steps on them, for all tests of the commands."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data import record_writer, schema, shape_examples
from deeplab_tf.data.catalog.shapes import SHAPES
from tests.cli.command import run_command

IMAGE_SIZE = 65
TRAIN_FLAGS = (
    "--recipe=deeplab_v3plus_mobilenet_v2_shapes",
    "--set=model.backbone.depth_multiplier=0.35",
    "--set=model.aspp.filters=16",
    "--set=model.aspp.atrous_rates=2,4",
    "--set=model.decoder.filters=16",
    "--set=model.backbone_style.norm_momentum=0.5",
    "--set=model.head_style.norm_momentum=0.5",
    "--set=train.batch_size=2",
    f"--train_crop_size={IMAGE_SIZE},{IMAGE_SIZE}",
)


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """Folder of 8 training and 4 validation images with dataset.json."""
    folder = tmp_path_factory.mktemp("records")
    info = dataclasses.replace(SHAPES, image_size=(IMAGE_SIZE, IMAGE_SIZE))
    splits = {
        split: shape_examples.shape_items(
            split, num_examples=number, seed=0, image_size=IMAGE_SIZE, info=info
        )
        for split, number in (("train", 8), ("val", 4))
    }
    record_writer.write_records(splits, output_dir=folder, info=info, num_shards=1)
    return folder


@pytest.fixture(scope="session")
def trained(records, tmp_path_factory):
    """What train.py printed, and the folder of its run of three steps."""
    folder = tmp_path_factory.mktemp("run") / "run"
    result = run_command(
        "train",
        *TRAIN_FLAGS,
        "--training_number_of_steps=3",
        f"--dataset_dir={records}",
        f"--train_logdir={folder}",
    )
    assert result.code == 0, result.err
    return result, folder


@pytest.fixture(scope="session")
def run_folder(trained):
    """The folder of the run; tests that write copy it first."""
    return trained[1]


@pytest.fixture(scope="session")
def exported(run_folder, tmp_path_factory):
    """What export_model.py printed, and its folder of both formats of that run."""
    folder = tmp_path_factory.mktemp("exported") / "out"
    result = run_command(
        "export_model",
        f"--checkpoint_path={run_folder}",
        f"--export_path={folder}",
        "--format=saved_model",
        "--format=tflite",
    )
    assert result.code == 0, result.err
    return result, folder


@pytest.fixture
def run_copy(run_folder, tmp_path):
    return shutil.copytree(run_folder, tmp_path / "run")


@pytest.fixture(scope="session")
def unlabelled(tmp_path_factory):
    """Folder of one image of a split test without labels and without dataset.json."""
    folder = tmp_path_factory.mktemp("unlabelled")
    image = np.full([33, 49, 3], 90, np.uint8)
    record = schema.encode_example(
        "one",
        image=tf.io.encode_png(image).numpy(),
        image_format="png",
        height=33,
        width=49,
        labels=None,
    )
    path = folder / "test-00000-of-00001.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(record)
    return folder
