# Licensed under the Apache License, Version 2.0.
"""Resizing: hand-computed, then the original's, on TensorFlow and JAX."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.layers import resize

CASES = range(7)

# Resizes all recorded inputs on JAX, without TensorFlow.
JAX_SCRIPT = """
import sys
sys.modules["tensorflow"] = None
import numpy as np
from deeplab_tf.layers import resize

values, results = np.load(sys.argv[1]), {}
for name in [name for name in values if name.startswith("resize/")]:
    case, kind = name.split("/")[1:]
    if kind != "input":
        function = getattr(resize, "resize_" + kind)
        size = values[name].shape[1:3]
        results[name] = function(values[f"resize/{case}/input"], size)
row = np.array([0, 3, 9], "float32").reshape(1, 1, 3, 1)
for name in ("align_corners", "half_pixel", "asymmetric"):
    results[name] = resize.resize_bilinear(row, (1, 6), convention=name)
    results["nearest/" + name] = resize.resize_nearest(row, (1, 7), convention=name)
np.savez(sys.argv[2], **results)
"""

# Six samples of the row 0, 3, 9, by hand.
SIX_SAMPLES = {
    "align_corners": [0, 1.2, 2.4, 4.2, 6.6, 9],
    "half_pixel": [0, 0.75, 2.25, 4.5, 7.5, 9],
    "asymmetric": [0, 1.5, 3, 6, 9, 9],
}
# Seven pixels nearest to those of the row 0, 3, 9, by hand; halves round up.
SEVEN_NEAREST = {
    "align_corners": [0, 0, 3, 3, 3, 9, 9],
    "half_pixel": [0, 0, 3, 3, 3, 9, 9],
    "asymmetric": [0, 0, 0, 3, 3, 9, 9],
}


@pytest.fixture(scope="module")
def recorded(reference):
    return np.load(reference / "reference" / "official" / "functions.npz")


@pytest.fixture(scope="module")
def on_jax(reference, tmp_path_factory):
    source = reference / "reference" / "official" / "functions.npz"
    target = tmp_path_factory.mktemp("jax") / "results.npz"
    subprocess.run(
        [sys.executable, "-c", JAX_SCRIPT, source, target],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        check=True,
    )
    return np.load(target)


def row(values, dtype="float32"):
    return np.array(values, dtype).reshape(1, 1, -1, 1)


def test_bilinear_keeps_the_corners():
    resized = resize.resize_bilinear(row([0, 3, 9]), (1, 5))
    np.testing.assert_allclose(np.ravel(resized), [0, 1.5, 3, 6, 9], atol=1e-6)


@pytest.mark.parametrize("convention", SIX_SAMPLES)
def test_bilinear_samples_where_the_convention_says(convention):
    resized = resize.resize_bilinear(row([0, 3, 9]), (1, 6), convention=convention)
    np.testing.assert_allclose(np.ravel(resized), SIX_SAMPLES[convention], atol=1e-6)


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("convention", SIX_SAMPLES)
def test_bilinear_samples_at_the_same_places_on_jax(convention, on_jax):
    expected = SIX_SAMPLES[convention]
    np.testing.assert_allclose(np.ravel(on_jax[convention]), expected, atol=1e-5)


def test_bilinear_gives_float32_for_integers():
    resized = resize.resize_bilinear(row([0, 255], "uint8"), (1, 3))
    assert resized.dtype == "float32"
    np.testing.assert_allclose(np.ravel(resized), [0, 127.5, 255])


def test_nearest_rounds_halves_up_and_keeps_the_type():
    resized = resize.resize_nearest(row([4, 6, 255], "int32"), (1, 5))
    assert resized.dtype == "int32"
    np.testing.assert_array_equal(np.ravel(resized), [4, 6, 6, 255, 255])


@pytest.mark.parametrize("convention", SEVEN_NEAREST)
def test_nearest_samples_where_the_convention_says(convention):
    resized = resize.resize_nearest(row([0, 3, 9]), (1, 7), convention=convention)
    np.testing.assert_array_equal(np.ravel(resized), SEVEN_NEAREST[convention])


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("convention", SEVEN_NEAREST)
def test_nearest_samples_at_the_same_places_on_jax(convention, on_jax):
    found = np.ravel(on_jax[f"nearest/{convention}"])
    np.testing.assert_array_equal(found, SEVEN_NEAREST[convention])


@pytest.mark.parametrize(("size", "step"), [(41, 8), (21, 16)])
def test_nearest_with_aligned_corners_is_caffes_subsampling(size, step):
    columns = np.arange(321, dtype="int32").reshape(1, 1, 321, 1)
    resized = resize.resize_nearest(columns, (1, size))
    np.testing.assert_array_equal(np.ravel(resized), np.arange(0, 321, step))


@pytest.mark.parametrize(
    ("size", "pixels"), [(41, [3, 11, 19, 27]), (20, [8, 24, 40, 56])]
)
def test_nearest_at_half_pixels_is_pillows(size, pixels):
    columns = np.arange(321, dtype="int32").reshape(1, 1, 321, 1)
    resized = resize.resize_nearest(columns, (1, size), convention="half_pixel")
    assert list(np.ravel(resized)[:4]) == pixels
    image = Image.fromarray(columns[..., 0].reshape(1, 321).astype("int32"))
    expected = image.resize((size, 1), resample=Image.Resampling.NEAREST)
    np.testing.assert_array_equal(np.ravel(resized), np.ravel(expected))


def test_unknown_shapes_are_resized():
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1])] * 2)
    def compiled(images, like):
        return resize.resize_bilinear(images, (tf.shape(like)[1], tf.shape(like)[2]))

    resized = compiled(row([0, 3, 9]), np.zeros((1, 1, 5, 1), "float32"))
    np.testing.assert_allclose(np.ravel(resized), [0, 1.5, 3, 6, 9], atol=1e-6)


@pytest.mark.reference
@pytest.mark.parametrize("case", CASES)
def test_bilinear_is_that_of_the_original(recorded, case):
    expected = recorded[f"resize/{case}/bilinear"]
    resized = resize.resize_bilinear(
        recorded[f"resize/{case}/input"], expected.shape[1:3]
    )
    np.testing.assert_allclose(resized, expected, rtol=0, atol=1e-6)


@pytest.mark.reference
@pytest.mark.parametrize("case", CASES)
def test_nearest_is_that_of_the_original(recorded, case):
    expected = recorded[f"resize/{case}/nearest"]
    resized = resize.resize_nearest(
        recorded[f"resize/{case}/input"], expected.shape[1:3]
    )
    np.testing.assert_array_equal(resized, expected)


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_bilinear_on_jax_is_that_of_the_original(recorded, on_jax, case):
    name = f"resize/{case}/bilinear"
    np.testing.assert_allclose(on_jax[name], recorded[name], rtol=0, atol=3e-6)


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_nearest_on_jax_is_that_of_the_original(recorded, on_jax, case):
    name = f"resize/{case}/nearest"
    np.testing.assert_array_equal(on_jax[name], recorded[name])


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["int", "tensor"])
def test_scale_dimension_is_that_of_the_original(recorded, kind):
    dims = recorded["scale_dimension/dims"].tolist()
    scales = recorded["scale_dimension/scales"].tolist()
    sizes = [
        [
            int(
                resize.scale_dimension(
                    dim if kind == "int" else tf.constant(dim), scale
                )
            )
            for scale in scales
        ]
        for dim in dims
    ]
    np.testing.assert_array_equal(sizes, recorded["scale_dimension/value"])
