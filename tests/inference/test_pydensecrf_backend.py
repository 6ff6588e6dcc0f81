# Licensed under the Apache License, Version 2.0.
import dataclasses
import sys

import numpy as np
import pytest

from deeplab_tf.config.dense_crf import NORMALIZATIONS, DenseCRFConfig
from deeplab_tf.inference.pydensecrf_backend import pydensecrf_mean_field

CONFIG = DenseCRFConfig(
    bilateral_xy=5.0, bilateral_rgb=40.0, spatial_xy=2.0, backend="pydensecrf"
)


@pytest.fixture
def inputs():
    """Unaries of two images of 9 x 7 pixels and four classes, and the images."""
    pytest.importorskip("pydensecrf.densecrf")
    generator = np.random.default_rng(0)
    unaries = generator.normal(size=(2, 9, 7, 4)).astype(np.float32)
    return unaries, generator.integers(0, 256, (2, 9, 7, 3)).astype(np.uint8)


def softmax(values):
    exp = np.exp(values - values.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def test_without_iterations_the_unaries_are_the_result(inputs):
    unaries, images = inputs
    config = dataclasses.replace(CONFIG, iterations=0)
    found = pydensecrf_mean_field(unaries, images, config)
    np.testing.assert_allclose(found, softmax(-unaries), atol=1e-6)


def test_without_kernels_the_unaries_are_the_result(inputs):
    unaries, images = inputs
    config = dataclasses.replace(CONFIG, bilateral_weight=0.0, spatial_weight=0.0)
    found = pydensecrf_mean_field(unaries, images, config)
    np.testing.assert_allclose(found, softmax(-unaries), atol=1e-6)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_compatibility_of_zero_and_one_is_potts(inputs, normalization):
    potts = tuple(tuple(float(i != j) for j in range(4)) for i in range(4))
    config = dataclasses.replace(CONFIG, normalization=normalization, iterations=2)
    matrix = dataclasses.replace(config, compatibility=potts)
    np.testing.assert_allclose(
        pydensecrf_mean_field(*inputs, matrix),
        pydensecrf_mean_field(*inputs, config),
        atol=1e-5,
    )


def test_a_batch_is_its_images(inputs):
    unaries, images = inputs
    together = pydensecrf_mean_field(unaries, images, CONFIG)
    for i in range(2):
        one = slice(i, i + 1)
        alone = pydensecrf_mean_field(unaries[one], images[one], CONFIG)
        np.testing.assert_array_equal(together[one], alone)


def test_images_are_rounded_and_may_be_read_only(inputs):
    unaries, images = inputs
    near = images + np.float32(0.4) - np.float32(0.8) * (images % 2)
    near.flags.writeable = False
    np.testing.assert_array_equal(
        pydensecrf_mean_field(unaries, near, CONFIG),
        pydensecrf_mean_field(unaries, images, CONFIG),
    )


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (1, 1, 1, 3), (1, 5, 4, 1), (1, 1, 9, 2)], ids=str
)
def test_small_and_uniform_images_have_probabilities(inputs, shape):
    unaries = np.random.default_rng(1).normal(size=shape)
    images = np.full((*shape[:3], 3), 90, np.uint8)
    found = pydensecrf_mean_field(unaries, images, DenseCRFConfig())
    np.testing.assert_allclose(found.sum(axis=-1), 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda u, i: (u[:, :8], i), "got the shapes"),
        (lambda u, i: (u, i[..., :1]), "got the shapes"),
        (lambda u, i: (u * np.float32("nan"), i), "NaN or infinite"),
        (lambda u, i: (u, i * np.float32("nan")), "images of the CRF hold NaN"),
        (lambda u, i: (u[..., :0], i), "one pixel and one class"),
        (lambda u, i: (u[:, :0], i[:, :0]), "one pixel and one class"),
    ],
    ids=["size", "channels", "nan", "image", "class", "pixel"],
)
def test_bad_input_is_refused(inputs, change, message):
    with pytest.raises(ValueError, match=message):
        pydensecrf_mean_field(*change(*inputs), CONFIG)


def test_a_compatibility_of_other_classes_is_refused(inputs):
    config = dataclasses.replace(CONFIG, compatibility=((0.0, 1.0), (1.0, 0.0)))
    with pytest.raises(ValueError, match="of 2 classes, and the unaries have 4"):
        pydensecrf_mean_field(*inputs, config)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    unaries, images = np.zeros([1, 2, 2, 2]), np.zeros([1, 2, 2, 3])
    with pytest.raises(ValueError, match=r"pip install 'deeplab-tf\[crf\]'"):
        pydensecrf_mean_field(unaries, images, CONFIG)
