# Licensed under the Apache License, Version 2.0.
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.export import comparison, signatures
from deeplab_tf.inference.build_predictor import build_predictor
from tests.export.networks import build_network

EVALUATION = EvaluationConfig(crop_size=(49, 65))


@pytest.fixture(scope="module")
def network():
    return build_network()


@pytest.fixture(scope="module")
def functions(network):
    predict = build_predictor(*network, EVALUATION)
    return signatures.build_signatures(predict, with_logits=True)


def images_of(*size, seed=0):
    (images,) = comparison.probe_images(size, seed=seed)
    return images


def encode(image, format_):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format=format_)
    return buffer.getvalue()


def test_names_and_types_of_all_signatures(functions):
    assert sorted(functions) == [
        "encoded",
        "logits",
        "probabilities",
        "serving_default",
    ]
    unknown = [None, None, None]
    expected = {
        "serving_default": ("ImageTensor", tf.uint8, [*unknown, 3]),
        "logits": ("ImageTensor", tf.uint8, [*unknown, 3]),
        "probabilities": ("ImageTensor", tf.uint8, [*unknown, 3]),
        "encoded": ("image_bytes", tf.string, [None]),
    }
    for name, (argument, dtype, shape) in expected.items():
        _, inputs = functions[name].get_concrete_function().structured_input_signature
        assert list(inputs) == [] or argument in inputs
        (spec,) = functions[name].input_signature
        assert (spec.name, spec.dtype, spec.shape.as_list()) == (argument, dtype, shape)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 49, 65), (2, 33, 40), (1, 70, 96)])
def test_labels_have_the_size_of_the_images(functions, size):
    images = images_of(*size)
    labels = functions["serving_default"](tf.constant(images))["SemanticPredictions"]
    assert labels.dtype == tf.int32
    assert labels.shape == size
    assert len(np.unique(labels)) > 1


@pytest.mark.slow
def test_probabilities_have_the_labels_as_their_largest(functions):
    images = tf.constant(images_of(1, 33, 40))
    found = functions["probabilities"](images)["SemanticProbabilities"].numpy()
    assert found.shape == (1, 33, 40, 5)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)
    labels = functions["serving_default"](images)["SemanticPredictions"].numpy()
    assert (found.argmax(axis=-1) == labels).mean() > 0.999


@pytest.mark.slow
def test_logits_are_those_of_the_padded_crop(functions, network):
    model, config = network
    images = images_of(1, 33, 40)
    logits = functions["logits"](tf.constant(images))["SemanticLogits"]
    assert logits.dtype == tf.float32
    assert logits.shape == (1, 13, 17, 5)
    padded = np.empty([1, 49, 65, 3], np.float32)
    padded[:] = config.backbone.padding_pixel
    padded[:, :33, :40] = images
    expected = model(padded, training=False)["semantic"]
    # The graph fuses operations that run one by one here; untrained layers amplify it.
    np.testing.assert_allclose(logits, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_encoded_images_give_the_labels_of_their_pixels(functions, format_):
    encoded = [encode(image, format_) for image in images_of(2, 33, 40)]
    pixels = np.stack([tf.io.decode_image(data).numpy() for data in encoded])
    found = functions["encoded"](tf.constant(encoded))["SemanticPredictions"]
    wanted = functions["serving_default"](tf.constant(pixels))["SemanticPredictions"]
    assert np.array_equal(found, wanted)


@pytest.mark.slow
def test_grey_and_transparent_png_are_taken_as_rgb(functions):
    grey = images_of(1, 33, 40)[0, :, :, 0]
    alpha = np.full_like(grey, 255)
    same = [
        encode(grey, "PNG"),
        encode(np.stack([grey] * 3, axis=-1), "PNG"),
        encode(np.stack([grey, grey, grey, alpha], axis=-1), "PNG"),
    ]
    labels = functions["encoded"](tf.constant(same))["SemanticPredictions"].numpy()
    assert np.array_equal(labels[0], labels[1])
    assert np.array_equal(labels[0], labels[2])
