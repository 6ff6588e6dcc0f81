# Licensed under the Apache License, Version 2.0.
"""Exports that hold a CRF, and those that cannot."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.export import network_json
from deeplab_tf.export.saved_model import export_frozen_graph, export_saved_model
from deeplab_tf.export.tflite import export_tflite
from deeplab_tf.inference.build_predictor import build_predictor
from deeplab_tf.inference.saved_model_predictor import frozen_graph_predictor
from tests.export.networks import build_network

CRF = DenseCRFConfig(
    bilateral_xy=9.0, bilateral_rgb=20.0, compatibility=(), iterations=5
)
EVALUATION = EvaluationConfig(crop_size=(49, 65), crf=CRF)


@pytest.fixture(scope="module")
def network():
    return build_network()


def images_of(*shape):
    return np.random.default_rng(2).integers(0, 256, (*shape, 3)).astype(np.uint8)


@pytest.mark.slow
def test_a_saved_model_holds_the_crf(network, tmp_path):
    model, config = network
    path = tmp_path / "exported"
    options = {"config": config, "evaluation": EVALUATION}
    comparison = export_saved_model(model, path, **options)
    assert comparison.agreement == 1.0
    predict = build_predictor(model, config, EVALUATION)
    without = build_predictor(model, config, dataclasses.replace(EVALUATION, crf=None))
    signatures = tf.saved_model.load(str(path)).signatures
    # Two images of one batch; and another size, larger than the crop in width.
    for images in (images_of(2, 40, 60), images_of(1, 33, 70)):
        served = {
            name: signatures[name](ImageTensor=tf.constant(images))
            for name in ("serving_default", "probabilities", "logits")
        }
        expected, plain = predict(images), without(images)
        found = served["probabilities"]["SemanticProbabilities"]
        np.testing.assert_allclose(found, expected["probabilities"], atol=1e-5)
        assert np.abs(found - plain["probabilities"]).max() > 0.01
        labels = served["serving_default"]["SemanticPredictions"]
        np.testing.assert_array_equal(labels, expected["labels"])
        logits = served["logits"]["SemanticLogits"]
        np.testing.assert_allclose(logits, plain["semantic"], atol=1e-4)
    assert network_json.read_network_json(path).crf == CRF


@pytest.mark.slow
def test_a_frozen_graph_holds_the_crf(network, tmp_path):
    model, config = network
    path = tmp_path / "graph.pb"
    comparison = export_frozen_graph(model, path, config=config, evaluation=EVALUATION)
    assert comparison.agreement == 1.0
    images = images_of(1, 40, 60)
    expected = build_predictor(model, config, EVALUATION)(images)["labels"]
    found = frozen_graph_predictor(path)(images)["labels"]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("export", "backend", "message"),
    [
        (export_saved_model, "pydensecrf", "cannot be exported"),
        (export_frozen_graph, "pydensecrf", "cannot be exported"),
        (export_tflite, "tensorflow", "TFLite has no operations for a CRF"),
    ],
    ids=["saved_model", "frozen_graph", "tflite"],
)
def test_what_cannot_hold_it_says_so_at_once(export, backend, message, tmp_path):
    evaluation = EvaluationConfig(crf=dataclasses.replace(CRF, backend=backend))
    with pytest.raises(ValueError, match=message):
        export(None, tmp_path / "x", config=None, evaluation=evaluation)
    assert not list(tmp_path.iterdir())


def test_network_json_keeps_the_crf(tmp_path):
    info = network_json.NetworkInfo(
        num_classes=2,
        crop_size=(9, 9),
        padding_pixel=(1.0, 2.0, 3.0),
        output_stride=8,
        crf=dataclasses.replace(CRF, compatibility=((0.0, 1.0), (2.0, 0.0))),
    )
    path = tmp_path / "model.pb"
    network_json.write_network_json(path, info)
    assert network_json.read_network_json(path) == info
