# Licensed under the Apache License, Version 2.0.
import csv
import dataclasses
import io
import json

import numpy as np
import pytest

from deeplab_tf.evaluation.boundary_reports import BoundaryIoUReport, TrimapReport
from deeplab_tf.evaluation.report import Report
from deeplab_tf.metrics.boundary_iou import BoundaryIoU
from deeplab_tf.metrics.trimap import Trimap


@pytest.fixture
def report():
    """Class "car" is in neither labels nor predictions, "sign" is never right."""
    return Report(
        class_names=("sky", "long road", "car", "sign"),
        confusion_matrix=np.array(
            [[6, 2, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [0, 2, 0, 0]], np.int64
        ),
        num_images=4,
        seconds=2.0,
        details={"checkpoint": "run/model.ckpt-7", "step": 7},
    )


def test_scores(report):
    # IoU 6/8, 2/6 and 0/2; accuracy 6/8, 2/2 and 0/2.
    assert report.mean_iou == pytest.approx((3 / 4 + 1 / 3 + 0) / 3)
    assert report.scores.mean_accuracy == pytest.approx((3 / 4 + 1 + 0) / 3)
    assert report.scores.pixel_accuracy == pytest.approx(8 / 12)


def test_json(report):
    document = json.loads(report.to_json())
    assert document["checkpoint"] == "run/model.ckpt-7"
    assert document["step"] == 7
    assert document["mean_iou"] == report.mean_iou
    assert document["pixel_accuracy"] == pytest.approx(8 / 12)
    assert document["num_images"] == 4
    assert document["num_pixels"] == 12
    assert document["seconds"] == 2.0
    assert document["classes"][0] == {
        "id": 0,
        "name": "sky",
        "iou": 0.75,
        "accuracy": 0.75,
        "pixels": 8,
    }
    assert document["classes"][2]["iou"] is None
    assert document["confusion_matrix"] == report.confusion_matrix.tolist()


def test_csv(report):
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert [row["name"] for row in rows] == [*report.class_names, "mean"]
    assert [row["iou"] for row in rows[:1]] == ["0.75"]
    assert rows[2] == {
        "id": "2",
        "name": "car",
        "iou": "",
        "accuracy": "",
        "pixels": "0",
    }
    assert float(rows[-1]["iou"]) == report.mean_iou
    assert rows[-1]["pixels"] == "12"


def test_table(report):
    assert report.to_table().splitlines() == [
        "class         IoU  accuracy        pixels",
        "sky        0.7500    0.7500             8",
        "long road  0.3333    1.0000             2",
        "car             -         -             0",
        "sign       0.0000    0.0000             2",
        "mean       0.3611    0.5833            12",
        "pixel accuracy 0.6667",
        "4 images in 2.0 s (2.0 images/s)",
    ]


def test_save(report, tmp_path):
    report.save(tmp_path / "new" / "folder", name="val")
    folder = tmp_path / "new" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == ["val.csv", "val.json"]
    assert (folder / "val.json").read_text() == report.to_json()
    assert (folder / "val.csv").read_text() == report.to_csv()


def test_save_to_a_file_is_an_os_error(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        report.save(tmp_path / "file")


@pytest.fixture
def boundary_report(report):
    """No pixel lies in the narrow band; the wide one holds half of the right ones."""
    matrix = np.array([[3, 2, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 2, 0, 0]])
    return dataclasses.replace(
        report,
        trimap=TrimapReport(
            trimap=Trimap(widths=(1, 4), around="void"),
            confusion_matrices=np.stack([np.zeros_like(matrix), matrix]),
        ),
        boundary_iou=BoundaryIoUReport(
            boundary_iou=BoundaryIoU(dilation_ratio=0.05),
            counts=np.array([[2, 1, 0, 0], [4, 2, 0, 2], [2, 3, 0, 0]]),
        ),
    )


def test_json_of_boundaries(boundary_report, report):
    document = json.loads(boundary_report.to_json())
    # IoU 2/4, 1/4 and 0/2.
    assert document["boundary_iou"] == {"dilation_ratio": 0.05, "mean_iou": 0.25}
    assert document["trimap"]["around"] == "void"
    empty, band = document["trimap"]["bands"]
    assert empty == {
        "width": 1,
        "mean_iou": None,
        "mean_accuracy": None,
        "pixel_accuracy": None,
        "num_pixels": 0,
    }
    assert band["width"] == 4
    # IoU 3/5, 1/5 and 0/2.
    assert band["mean_iou"] == pytest.approx(0.8 / 3)
    assert band["pixel_accuracy"] == pytest.approx(4 / 8)
    assert band["num_pixels"] == 8
    car, sign = document["classes"][2:]
    assert (car["boundary_iou"], sign["boundary_iou"]) == (None, 0)
    assert (sign["trimap_1_iou"], sign["trimap_4_iou"]) == (None, 0)
    assert document["mean_iou"] == report.mean_iou


def test_csv_of_boundaries(boundary_report):
    rows = list(csv.DictReader(io.StringIO(boundary_report.to_csv())))
    columns = ("boundary_iou", "trimap_1_iou", "trimap_4_iou")
    assert [rows[0][column] for column in columns] == ["0.5", "", "0.6"]
    assert [rows[2][column] for column in columns] == ["", "", ""]
    assert rows[-1]["name"] == "mean"
    assert rows[-1]["boundary_iou"] == "0.25"
    assert rows[-1]["trimap_1_iou"] == ""
    assert float(rows[-1]["trimap_4_iou"]) == pytest.approx(0.8 / 3)


def test_table_of_boundaries(boundary_report):
    assert boundary_report.to_table().splitlines() == [
        "class         IoU  accuracy        pixels  boundary IoU",
        "sky        0.7500    0.7500             8        0.5000",
        "long road  0.3333    1.0000             2        0.2500",
        "car             -         -             0             -",
        "sign       0.0000    0.0000             2        0.0000",
        "mean       0.3611    0.5833            12        0.2500",
        "pixel accuracy 0.6667",
        "trimap around void",
        "width     IoU  accuracy  pixel accuracy        pixels",
        "    1       -         -               -             0",
        "    4  0.2667    0.5333          0.5000             8",
        "4 images in 2.0 s (2.0 images/s)",
    ]
