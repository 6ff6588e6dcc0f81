# Licensed under the Apache License, Version 2.0.
import csv
import json
import shutil
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.metrics.confusion_matrix import compute_scores
from tests.cli.command import run_command

pytestmark = pytest.mark.slow


def read_report(folder, name="eval"):
    return json.loads((folder / f"{name}.json").read_text())


def evaluate(checkpoint, records, folder, *args):
    result = run_command(
        "eval",
        f"--checkpoint_dir={checkpoint}",
        f"--dataset_dir={records}",
        f"--eval_logdir={folder}",
        *args,
    )
    assert result.code == 0, result.err
    return result, read_report(folder)


def test_eval_needs_no_flags_of_network_or_data(run_folder, records, tmp_path):
    result, report = evaluate(run_folder, records, tmp_path)
    assert report["checkpoint"] == str(run_folder / "model.ckpt-3")
    assert report["step"] == 3
    assert report["dataset"] == "shapes"
    assert report["split"] == "val"
    assert report["scales"] == [1.0]
    assert report["flip"] is False
    assert report["output_stride"] == 16
    assert report["crop_size"] == [65, 65]
    assert report["num_images"] == 4
    names = [row["name"] for row in report["classes"]]
    assert names == ["background", "disc", "square", "triangle", "ring", "line"]
    scores = compute_scores(np.array(report["confusion_matrix"]))
    assert report["mean_iou"] == pytest.approx(scores.mean_iou)
    assert f"mean        {scores.mean_iou:.4f}" in result.out
    assert "pixel accuracy" in result.out
    with (tmp_path / "eval.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [*names, "mean"]
    assert float(rows[-1]["iou"]) == pytest.approx(scores.mean_iou)


def test_eval_agrees_with_the_validation_of_the_training(
    trained, run_folder, records, tmp_path
):
    _, report = evaluate(run_folder / "best", records, tmp_path)
    assert f"validation mIoU {report['mean_iou']:.4f}" in trained[0].out


def test_eval_counts_every_pixel_once_whatever_the_batch_size(
    run_folder, records, tmp_path
):
    _, one = evaluate(run_folder, records, tmp_path / "1")
    _, three = evaluate(run_folder, records, tmp_path / "3", "--eval_batch_size=3")
    assert three["num_images"] == 4
    assert three["num_pixels"] == one["num_pixels"]
    difference = np.abs(
        np.array(one["confusion_matrix"]) - np.array(three["confusion_matrix"])
    )
    # Convolutions of other batch sizes add in another order.
    assert difference.sum() <= 0.001 * one["num_pixels"]


def test_eval_takes_given_flags_before_the_recipe(run_folder, records, tmp_path):
    result, report = evaluate(
        run_folder / "model.ckpt-3",
        records,
        tmp_path,
        "--eval_split=train",
        "--eval_crop_size=97,81",
        "--output_stride=8",
        "--eval_scales=0.5",
        "--eval_scales=1.0",
        "--add_flipped_images",
        "--max_images=3",
    )
    assert report["split"] == "train"
    assert report["crop_size"] == [97, 81]
    assert report["output_stride"] == 8
    assert report["scales"] == [0.5, 1.0]
    assert report["flip"] is True
    assert report["num_images"] == 3
    assert "atrous rates become (4, 8)" in result.err


def test_eval_resizes_images_and_labels(run_folder, records, tmp_path):
    _, report = evaluate(
        run_folder,
        records,
        tmp_path,
        "--min_resize_value=33",
        "--max_resize_value=33",
        "--max_images=2",
    )
    assert report["resizing"]["min_resize_value"] == 33
    # Scores are taken at the resized labels, as the original's.
    assert 0 < report["num_pixels"] <= 2 * 33 * 33


def test_eval_writes_the_score_for_tensorboard(run_folder, records, tmp_path):
    _, report = evaluate(run_folder, records, tmp_path, "--max_images=1")
    (events,) = tmp_path.glob("events.out.tfevents.*")
    found = {
        value.tag: (record.step, float(tf.make_ndarray(value.tensor)))
        for record in tf.compat.v1.train.summary_iterator(str(events))
        for value in record.summary.value
    }
    assert found["val_miou"] == (3, pytest.approx(report["mean_iou"]))


def test_watch_ends_with_the_last_step_of_the_run(run_copy, records, tmp_path):
    last = tmp_path / "last"
    last.mkdir()
    for file in run_copy.glob("model.ckpt-3.*"):
        shutil.copy(file, run_copy / file.name.replace("-3.", "-2."))
        shutil.move(file, last)
    state = (run_copy / "checkpoint").read_text()
    (run_copy / "checkpoint").write_text(state.replace("-3", "-2"))

    def finish_training():
        deadline = time.monotonic() + 120
        while not (tmp_path / "eval.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        for file in last.iterdir():
            shutil.move(file, run_copy)
        (run_copy / "checkpoint").write_text(state)

    training = threading.Thread(target=finish_training, daemon=True)
    training.start()
    result, report = evaluate(
        run_copy,
        records,
        tmp_path,
        "--watch",
        "--eval_interval_secs=1",
        "--max_images=1",
    )
    training.join()
    assert report["checkpoint"].endswith("model.ckpt-3")
    assert read_report(tmp_path, "eval-3") == report
    assert result.out.count("Written to") == 2
    assert "Step 3 is the last of the run." in result.err


def test_watch_ends_after_the_number_of_evaluations(run_copy, records, tmp_path):
    config = (run_copy / "config.json").read_text()
    (run_copy / "config.json").write_text(config.replace('"steps": 3', '"steps": 9'))
    result, _ = evaluate(
        run_copy,
        records,
        tmp_path,
        "--watch",
        "--max_number_of_evaluations=1",
        "--max_images=1",
    )
    assert "last of the run" not in result.err


def test_eval_scores_an_exported_model_as_its_checkpoint(
    run_folder, exported, records, tmp_path
):
    result = run_command(
        "eval",
        f"--saved_model={exported[1] / 'saved_model'}",
        f"--dataset_dir={records}",
        f"--eval_logdir={tmp_path / 'eval'}",
    )
    assert result.code == 0, result.err
    _, expected = evaluate(run_folder, records, tmp_path / "expected")
    report = read_report(tmp_path / "eval")
    assert report["confusion_matrix"] == expected["confusion_matrix"]
    assert report["split"] == "val"


def test_eval_says_what_is_no_exported_model(records, tmp_path):
    result = run_command(
        "eval",
        f"--saved_model={tmp_path}",
        f"--dataset_dir={records}",
        f"--eval_logdir={tmp_path / 'eval'}",
    )
    assert result.code == 1
    assert "saved_model.pb" in result.err
