# Licensed under the Apache License, Version 2.0.
"""Tests of datasets/build_shapes_data.py."""

import signal
import subprocess
import time

import numpy as np
import pytest

from deeplab_tf.config.data import DataConfig
from deeplab_tf.data import dataset_json, pipeline, sources
from deeplab_tf.data.catalog import get_dataset_info

from . import scripts


@pytest.mark.slow
def test_records_equal_the_synthetic_source(tmp_path):
    result = scripts.run(
        "build_shapes_data",
        f"--output_dir={tmp_path}",
        "--num_train=4",
        "--num_val=2",
        "--seed=3",
        "--image_size=40",
        "--num_shards=1",
    )
    assert result.returncode == 0, result.stderr
    info = dataset_json.load_dataset_info(tmp_path)
    assert (info.name, info.image_size) == ("shapes", (40, 40))
    assert dict(info.splits) == {"train": 4, "val": 2}
    stored = sources.tfrecord_source(tmp_path, split="train")
    drawn = sources.synthetic_source("train", num_examples=4, seed=3, image_size=40)
    examples = [
        list(pipeline.eval_dataset(source, DataConfig()).as_numpy_iterator())
        for source in (stored, drawn)
    ]
    for one, other in zip(*examples, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


@pytest.mark.slow
def test_killed_script_leaves_no_record_and_goes_on(tmp_path):
    arguments = (
        "build_shapes_data",
        f"--output_dir={tmp_path}",
        "--num_train=800",
        "--num_val=20",
        "--num_shards=20",
    )
    process = subprocess.Popen(
        scripts.command(*arguments),
        env=scripts.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    partial = tmp_path / ".partial"
    while len(list(partial.glob("*.json"))) < 3:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(tmp_path.rglob("*.tfrecord"))
    result = scripts.run(*arguments)
    assert result.returncode == 0, result.stderr
    assert "shards of an earlier build taken over" in result.stdout
    assert not partial.exists()
    assert len(list(tmp_path.glob("*.tfrecord"))) == 40
    assert sources.tfrecord_source(tmp_path, split="train").num_examples == 800


@pytest.mark.slow
def test_output_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "out").write_text("a file")
    result = scripts.run("build_shapes_data", f"--output_dir={tmp_path / 'out'}")
    assert result.returncode == 1
    assert "error: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_records_of_another_data_set_are_left_alone(tmp_path):
    info = get_dataset_info("camvid")
    dataset_json.write_dataset_json(tmp_path, info=info, frequencies={})
    before = (tmp_path / "dataset.json").read_bytes()
    result = scripts.run("build_shapes_data", f"--output_dir={tmp_path}")
    assert result.returncode == 1
    assert "holds records of 'camvid'" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.json"]
    assert (tmp_path / "dataset.json").read_bytes() == before
