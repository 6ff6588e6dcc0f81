# Licensed under the Apache License, Version 2.0.
import json

import pytest

from deeplab_tf.cli import boundary_flags
from deeplab_tf.metrics.boundary_iou import BoundaryIoU
from deeplab_tf.metrics.trimap import Trimap
from tests.cli.command import parsed_flags, run_command


def read_flags(*args):
    with parsed_flags("eval", *args):
        return (
            boundary_flags.trimap_from_flags(),
            boundary_flags.boundary_iou_from_flags(),
        )


def test_nothing_is_asked_for_by_default():
    assert read_flags() == (None, None)


def test_flags_say_widths_and_depth():
    found = read_flags(
        "--trimap_widths=1,2,40",
        "--trimap_around=void",
        "--boundary_iou",
        "--boundary_dilation_ratio=0.005",
    )
    assert found == (
        Trimap(widths=(1, 2, 40), around="void"),
        BoundaryIoU(dilation_ratio=0.005),
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--trimap_widths=1,x"], "--trimap_widths must be whole numbers .* '1,x'"),
        (["--trimap_widths="], "--trimap_widths: .* one or more"),
        (["--trimap_widths=0,2"], "--trimap_widths: .* at least 1, got 0"),
        (["--trimap_widths=4,2"], "--trimap_widths: .* must ascend"),
        (["--trimap_around=void"], "give that too, as in --trimap_widths=1,2"),
        (["--boundary_dilation_ratio=0.1"], "the depth of --boundary_iou"),
        (
            ["--boundary_iou", "--boundary_dilation_ratio=0"],
            "--boundary_dilation_ratio: .* positive number",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_flags_that_do_not_fit_are_an_error(args, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_flags(*args)
    # Told before anything is loaded.
    result = run_command("eval", f"--eval_logdir={tmp_path}", *args)
    assert result.code == 1
    assert "checkpoint" not in result.err


@pytest.mark.slow
def test_eval_reports_boundaries(run_folder, exported, records, tmp_path):
    reports = []
    for network in (
        f"--checkpoint_dir={run_folder}",
        f"--saved_model={exported[1] / 'saved_model'}",
    ):
        result = run_command(
            "eval",
            network,
            f"--dataset_dir={records}",
            f"--eval_logdir={tmp_path}",
            "--trimap_widths=1,3,1000",
            "--boundary_iou",
        )
        assert result.code == 0, result.err
        assert "trimap around labels" in result.out
        assert "boundary IoU" in result.out
        reports.append(json.loads((tmp_path / "eval.json").read_text()))
    whole = reports[0]
    bands = whole["trimap"]["bands"]
    assert [band["width"] for band in bands] == [1, 3, 1000]
    # The widest band holds all of the images that have two labels.
    assert bands[0]["num_pixels"] < bands[1]["num_pixels"] < bands[2]["num_pixels"]
    assert bands[2]["num_pixels"] == whole["num_pixels"]
    assert bands[2]["mean_iou"] == whole["mean_iou"]
    assert 0 <= whole["boundary_iou"]["mean_iou"] <= 1
    for part in ("trimap", "boundary_iou"):
        assert reports[1][part] == whole[part]
    assert "boundary_iou,trimap_1_iou" in (tmp_path / "eval.csv").read_text()


@pytest.mark.slow
def test_eval_of_an_exported_model_needs_labels(exported, unlabelled, tmp_path):
    result = run_command(
        "eval",
        f"--saved_model={exported[1] / 'saved_model'}",
        f"--dataset_dir={unlabelled}",
        "--dataset=shapes",
        "--eval_split=test",
        f"--eval_logdir={tmp_path / 'eval'}",
        "--trimap_widths=1",
    )
    assert result.code == 1
    assert "Evaluation needs labels" in result.err
