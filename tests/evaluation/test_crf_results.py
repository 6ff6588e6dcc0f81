# Licensed under the Apache License, Version 2.0.
import csv
import dataclasses
import math

import pytest

from deeplab_tf.config import serialization
from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.evaluation.crf_results import SearchResults, Trial

DETAILS = {"checkpoint": "a", "num_images": 3, "scales": (1.0,)}
FIRST = DenseCRFConfig(bilateral_weight=1.0)
SECOND = DenseCRFConfig(bilateral_weight=2.0, compatibility=((0.0, 1.0), (1.0, 0.0)))


def results_in(folder, *scores, details=DETAILS):
    results = SearchResults.open(folder, details=details)
    results.set_without_crf(0.5)
    for config, score in zip((FIRST, SECOND), scores, strict=False):
        results.add(Trial(config=config, mean_iou=score, seconds=2.0))
    return results


def test_the_best_is_written_after_each_trial(tmp_path):
    results = results_in(tmp_path, 0.6)
    text = (tmp_path / "crf.json").read_text()
    assert serialization.from_json(text) == FIRST
    results.add(Trial(config=SECOND, mean_iou=0.7, seconds=1.0))
    text = (tmp_path / "crf.json").read_text()
    assert serialization.from_json(text) == SECOND
    with (tmp_path / "crf_search.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["bilateral_weight"] for row in rows] == ["2.0", "1.0"]
    assert [float(row["gain"]) for row in rows] == pytest.approx([0.2, 0.1])


def test_a_stopped_search_goes_on(tmp_path):
    results_in(tmp_path, 0.6, 0.55)
    found = SearchResults.open(tmp_path, details=DETAILS)
    assert found.find(FIRST) == Trial(config=FIRST, mean_iou=0.6, seconds=2.0)
    assert found.score(SECOND) == 0.55
    assert found.best() == FIRST
    assert found.find(dataclasses.replace(FIRST, iterations=3)) is None


def test_what_was_not_tried_is_worse_than_all(tmp_path):
    results = results_in(tmp_path)
    assert results.best() is None
    assert results.score(FIRST) == -math.inf


def test_a_search_that_goes_on_writes_what_is_missing(tmp_path):
    results_in(tmp_path, 0.6, 0.55)
    (tmp_path / "crf.json").unlink()
    (tmp_path / "crf_search.csv").unlink()
    results_in(tmp_path)
    text = (tmp_path / "crf.json").read_text()
    assert serialization.from_json(text) == FIRST
    assert (tmp_path / "crf_search.csv").is_file()


def test_another_search_is_not_mixed_in(tmp_path):
    results_in(tmp_path, 0.6)
    with pytest.raises(ValueError, match="differs in checkpoint, scales: give another"):
        SearchResults.open(
            tmp_path, details={"checkpoint": "b", "num_images": 3, "scales": (2.0,)}
        )


DAMAGED = (
    "{",
    "[]",
    '{"version": 1}',
    '{"trials": 3}',
    '{"version": 1, "details": [], "trials": []}',
    '{"version": 1, "details": {}, '
    '"trials": [{"crf": 3, "mean_iou": 0.5, "seconds": 1.0}]}',
)


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "crf_search.json").write_text(text)
    with pytest.raises(ValueError, match=r"crf_search\.json is damaged"):
        SearchResults.open(tmp_path, details=DETAILS)


def test_the_table_shows_the_network_alone(tmp_path):
    lines = results_in(tmp_path, 0.4375, 0.6).to_table(limit=1).splitlines()
    assert lines[1].split() == ["2", "67", "3", "3", "1", "0.6000", "+0.1000"]
    assert lines[2] == "... and 1 more"
    assert lines[3].split() == ["without", "a", "CRF", "0.5000"]
    # Scores stand under each other.
    assert lines[1].index("0.6000") == lines[3].index("0.5000")


def test_the_verdict_is_honest(tmp_path):
    better = results_in(tmp_path, 0.6)
    assert "raises mIoU from 0.5000 to 0.6000 on the 3 images" in better.verdict()
    (tmp_path / "other").mkdir()
    worse = results_in(tmp_path / "other", 0.5)
    assert "No CRF of these is better than the network alone" in worse.verdict()
    assert worse.note() == "best 0.5000, without 0.5000"
