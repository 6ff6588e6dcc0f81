# Licensed under the Apache License, Version 2.0.
import dataclasses
import types

import numpy as np
import pytest

from deeplab_tf.config.crf_search import CRFSearchSpace
from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.evaluation import prediction_store
from deeplab_tf.evaluation.crf_search import search_crf, store_predictions, try_crf
from deeplab_tf.evaluation.prediction_store import PredictionStore
from deeplab_tf.inference.predictor import host_predictor
from deeplab_tf.structures import Outputs

SPACE = CRFSearchSpace(
    bilateral_weights=tuple(float(w) for w in range(1, 8)),
    bilateral_xys=tuple(float(xy) for xy in range(10, 100, 10)),
    bilateral_rgbs=(3.0,),
)


class Scorer:
    """Scores a CRF by its distance from the best one, and counts."""

    def __init__(self, weight, xy):
        self.best = (weight, xy)
        self.rounds = []

    def __call__(self, configs):
        self.rounds.append(configs)
        return [
            -abs(config.bilateral_weight - self.best[0])
            - abs(config.bilateral_xy - self.best[1]) / 10
            for config in configs
        ]

    @property
    def tried(self):
        return [config for configs in self.rounds for config in configs]


@pytest.mark.parametrize("best", [(1.0, 10.0), (4.0, 50.0), (7.0, 90.0), (2.0, 80.0)])
def test_the_best_is_found_from_coarse_to_fine(best):
    score = Scorer(*best)
    found = search_crf(SPACE, score)
    assert (found.bilateral_weight, found.bilateral_xy) == best
    assert len(score.tried) == len(set(score.tried)) < 40


def test_the_first_round_is_ends_and_middles():
    score = Scorer(4.0, 50.0)
    search_crf(SPACE, score)
    assert [(c.bilateral_weight, c.bilateral_xy) for c in score.rounds[0]] == [
        (weight, xy) for weight in (1.0, 4.0, 7.0) for xy in (10.0, 50.0, 90.0)
    ]


def test_an_exhaustive_search_tries_all_once():
    score = Scorer(2.0, 80.0)
    found = search_crf(SPACE, score, exhaustive=True)
    assert (found.bilateral_weight, found.bilateral_xy) == (2.0, 80.0)
    assert len(score.rounds) == 1
    assert len(set(score.tried)) == len(score.tried) == 63


def test_of_equal_scores_the_first_wins():
    single = dataclasses.replace(
        SPACE, bilateral_weights=(1.0, 2.0), bilateral_xys=(5.0,)
    )
    found = search_crf(single, lambda configs: [0.5] * len(configs))
    assert found == single.config((0, 0, 0))


# Two images of one row; class 1 is bright. The last pixel of the first is not counted.
IMAGES = np.array([[[0, 200, 0]], [[200, 200, 0]]], np.uint8)[..., None].repeat(3, -1)
LABELS = np.array([[[0, 1, 255]], [[1, 0, 0]]], np.int32)


def bright_predictor():
    def run(images):
        bright = np.where(images[..., :1] > 100, np.float32(0.9), np.float32(0.1))
        probabilities = np.concatenate([1 - bright, bright], axis=-1)
        labels = np.argmax(probabilities, axis=-1).astype(np.int32)
        return Outputs(probabilities=probabilities, labels=labels)

    return host_predictor(run, dtypes={})


@pytest.fixture
def filled(tmp_path):
    """A store of the images above, and the score of their predictor."""
    store = PredictionStore(tmp_path, num_images=2)
    batches = [{"image": IMAGES, "labels": LABELS}]
    counts = []
    score = store_predictions(
        bright_predictor(),
        batches,
        store,
        num_classes=2,
        ignore_label=255,
        progress=counts.append,
    )
    assert counts == [2]
    return store, score


def test_the_network_alone_is_scored(filled):
    # Of 5 pixels the second of the second image is wrong: 2 of 3 each.
    assert filled[1] == pytest.approx(2 / 3)


def test_what_was_stored_comes_back(filled):
    store, _ = filled
    assert len(store) == 2
    for number, (image, labels, probabilities) in enumerate(store):
        np.testing.assert_array_equal(image, IMAGES[number])
        np.testing.assert_array_equal(labels, LABELS[number])
        expected = bright_predictor()(IMAGES[number])["probabilities"]
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities, expected, rtol=1e-3)


def test_the_order_of_labels_is_kept(tmp_path):
    # Ratios of 1.00001, for which a float16 probability would be too coarse.
    probabilities = np.float32([0.200002, 0.2, 0.2, 0.199998, 0.2]).reshape(1, 1, 5)
    store = PredictionStore(tmp_path, num_images=1)
    store.add(IMAGES[0, :, :1], LABELS[0, :, :1], probabilities)
    ((_, _, found),) = store
    assert np.argmax(found) == 0
    assert np.argmin(found) == 3


def test_a_crf_without_iterations_scores_as_the_network(filled):
    store, score = filled
    counts = []
    trial = try_crf(
        DenseCRFConfig(iterations=0),
        store,
        num_classes=2,
        ignore_label=255,
        progress=counts.append,
    )
    assert trial.mean_iou == pytest.approx(score)
    assert trial.config.iterations == 0
    assert counts == [1, 2]


def test_a_strong_spatial_kernel_lets_neighbours_vote(filled):
    store, _ = filled
    # Rows of 0 1 0 and 1 1 0 become 0 0 0 and 1 1 1: of 5 pixels 2 are right, of
    # each class one, with 4 and 4 pixels in its union.
    config = DenseCRFConfig(
        bilateral_weight=0.0,
        spatial_weight=50.0,
        spatial_xy=10.0,
        filter="exact",
        normalization="after",
    )
    trial = try_crf(config, store, num_classes=2, ignore_label=255)
    assert trial.mean_iou == pytest.approx((1 / 4 + 1 / 4) / 2)


def test_no_examples_are_an_error(tmp_path):
    store = PredictionStore(tmp_path, num_images=1)
    with pytest.raises(ValueError, match="no examples to tune"):
        store_predictions(
            bright_predictor(), [], store, num_classes=2, ignore_label=255
        )


def test_a_disk_without_room_is_told_before_the_work(tmp_path, monkeypatch):
    usage = types.SimpleNamespace(free=10_000)
    monkeypatch.setattr(prediction_store.shutil, "disk_usage", lambda _: usage)
    image, labels = np.zeros([10, 10, 3], np.uint8), np.zeros([10, 10], np.uint8)
    PredictionStore(tmp_path, num_images=12).add(image, labels, np.zeros([10, 10, 2]))
    # 800 bytes each.
    with pytest.raises(ValueError, match="Predictions of 13 images take about"):
        PredictionStore(tmp_path, num_images=13).add(
            image, labels, np.zeros([10, 10, 2])
        )


@pytest.mark.parametrize(
    ("weight", "xy", "expected"),
    [
        (1.0, 50.0, ("bilateral_weight",)),
        (7.0, 90.0, ("bilateral_weight", "bilateral_xy")),
        (2.0, 20.0, ()),
    ],
)
def test_ends_of_ranges_of_several_values_are_known(weight, xy, expected):
    config = DenseCRFConfig(bilateral_weight=weight, bilateral_xy=xy, bilateral_rgb=3.0)
    assert SPACE.at_end(config) == expected
