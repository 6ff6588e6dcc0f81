# Licensed under the Apache License, Version 2.0.
import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.inference.build_predictor import ImageSize, build_predictor
from deeplab_tf.inference.dense_crf import array_refiner, dense_crf
from deeplab_tf.inference.fit_to_crop import fit_to_crop
from deeplab_tf.inference.predictor import host_predictor, predictor
from deeplab_tf.inference.sliding_window import sliding_window
from deeplab_tf.structures import Outputs
from tests.export.networks import CONFIG as NETWORK
from tests.inference.toy_networks import pointwise_network

# Tracing the graph of a CRF takes seconds.
pytestmark = pytest.mark.slow

CONFIG = DenseCRFConfig(
    bilateral_weight=4.0, bilateral_xy=5.0, bilateral_rgb=30.0, spatial_xy=2.0
)
BACKENDS = pytest.mark.parametrize("backend", ["tensorflow", "pydensecrf"])


def with_backend(backend, config=CONFIG):
    if backend == "pydensecrf":
        pytest.importorskip("pydensecrf.densecrf")
    return dataclasses.replace(config, backend=backend)


def images_of(*shape):
    return np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)


def contrast_network():
    """Classes of which each channel speaks for its own, not too loud."""
    return predictor(pointwise_network(kernel=np.eye(3) / 64))


@BACKENDS
def test_a_doubtful_pixel_joins_its_neighbours(backend):
    # Class 0 all over but in the middle of an image without contrast, where class 1
    # leads by 0.2 in the logits: less than what 24 neighbours add.
    logits = np.zeros([1, 5, 5, 2], np.float32)
    logits[..., 0] = 2.0
    logits[0, 2, 2] = (0.0, 0.2)
    probabilities = tf.nn.softmax(logits).numpy()

    def run(images):
        return Outputs(probabilities=probabilities)

    network = host_predictor(run, dtypes={"probabilities": tf.float32})
    refined = dense_crf(network, with_backend(backend))(np.full([1, 5, 5, 3], 80))
    assert np.argmax(probabilities, axis=-1).sum() == 1
    np.testing.assert_array_equal(refined["labels"], np.zeros([1, 5, 5]))


@BACKENDS
def test_without_iterations_probabilities_stay(backend):
    config = dataclasses.replace(with_backend(backend), iterations=0)
    network = contrast_network()
    images = images_of(2, 6, 7)
    before, after = network(images), dense_crf(network, config)(images)
    np.testing.assert_allclose(
        after["probabilities"], before["probabilities"], atol=2e-5
    )
    np.testing.assert_array_equal(after["labels"], before["labels"])


def test_both_backends_agree():
    pytest.importorskip("pydensecrf.densecrf")
    images = images_of(2, 16, 20)
    network = contrast_network()
    ours, theirs = (
        dense_crf(network, with_backend(backend))(images)
        for backend in ("tensorflow", "pydensecrf")
    )
    difference = np.abs(ours["probabilities"] - theirs["probabilities"])
    assert difference.mean() < 0.01
    assert np.mean(ours["labels"] == theirs["labels"]) > 0.99


def test_logits_stay_those_of_the_network():
    images = images_of(1, 6, 7)
    network = contrast_network()
    refined = dense_crf(network, CONFIG)(images)
    np.testing.assert_array_equal(refined["semantic"], network(images)["semantic"])
    np.testing.assert_array_equal(
        refined["labels"], np.argmax(refined["probabilities"], axis=-1)
    )


def test_padding_has_no_say():
    images = images_of(1, 9, 11)
    network = contrast_network()
    alone = dense_crf(network, CONFIG)(images)
    for pixel in ((0.0, 0.0, 0.0), (255.0, 0.0, 90.0)):
        padded = fit_to_crop(network, crop_size=(17, 13), padding_pixel=pixel)
        refined = dense_crf(padded, CONFIG)(images)
        np.testing.assert_allclose(
            refined["probabilities"], alone["probabilities"], atol=1e-6
        )


@BACKENDS
def test_all_else_comes_before_the_crf(backend):
    model = pointwise_network(kernel=np.eye(3) / 64)
    evaluation = EvaluationConfig(crop_size=(17, 17), scales=(0.5, 1.0), flip=True)
    size = ImageSize(min_resize_value=9)
    crf = with_backend(backend)
    network = dataclasses.replace(NETWORK, num_classes=3)
    before = build_predictor(model, network, evaluation, image_size=size)
    refined = build_predictor(
        model, network, dataclasses.replace(evaluation, crf=crf), image_size=size
    )
    images = images_of(1, 13, 18)
    # The colours are those of the image that was given, at its own size.
    expected = array_refiner(crf)(
        np.asarray(before(images)["probabilities"]), images.astype(np.float32)
    )
    np.testing.assert_allclose(refined(images)["probabilities"], expected, atol=1e-5)


@BACKENDS
def test_tiles_are_put_together_first(backend):
    images = images_of(1, 40, 50)
    network = contrast_network()
    config = with_backend(backend)
    tiles = sliding_window(
        network,
        tile_size=(17, 33),
        overlap=(8, 8),
        padding_pixel=(0, 0, 0),
        grid=8,
        with_probabilities=True,
    )
    whole = dense_crf(network, config)(images)
    refined = dense_crf(tiles, config)(images)
    np.testing.assert_allclose(
        refined["probabilities"], whole["probabilities"], atol=1e-5
    )


def test_images_of_a_batch_do_not_see_each_other():
    images = images_of(2, 8, 9)
    refine = dense_crf(contrast_network(), CONFIG)
    together = refine(images)["probabilities"]
    for i in range(2):
        alone = refine(images[i])["probabilities"]
        np.testing.assert_allclose(together[i], alone, atol=1e-6)


@BACKENDS
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (6, 5)], ids=str)
@pytest.mark.parametrize("num_classes", [1, 3])
def test_small_and_uniform_images_have_probabilities(backend, size, num_classes):
    network = predictor(pointwise_network(kernel=np.eye(3)[:, :num_classes]))
    refined = dense_crf(network, with_backend(backend))(np.full([1, *size, 3], 40))
    sums = np.sum(refined["probabilities"], axis=-1)
    np.testing.assert_allclose(sums, 1.0, atol=1e-6)


@BACKENDS
def test_labels_alone_cannot_be_refined(backend):
    def run(images):
        return Outputs(labels=np.zeros(images.shape[:3], np.int32))

    network = host_predictor(run, dtypes={"labels": tf.int32})
    refine = dense_crf(network, with_backend(backend))
    with pytest.raises(ValueError, match="this predictor gives labels alone"):
        refine(images_of(1, 4, 4))


def test_a_network_without_numbers_is_told():
    network = predictor(pointwise_network(kernel=np.full([3, 3], np.nan)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be finite"):
        dense_crf(network, CONFIG)(images_of(1, 4, 4))


def test_a_backend_that_is_not_installed_is_told_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    config = dataclasses.replace(CONFIG, backend="pydensecrf")
    with pytest.raises(ValueError, match="pip install"):
        dense_crf(contrast_network(), config)
