# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.inference.saved_model_predictor import (
    frozen_graph_predictor,
    has_probabilities,
    saved_model_predictor,
)

# One network: the class of a pixel is its brightest channel.
IMAGE = np.array([[[9, 2, 3], [1, 8, 2]], [[0, 0, 7], [5, 6, 5]]], np.uint8)
LABELS = [[0, 1], [2, 1]]


def save(path, dtype=tf.uint8, name="serving_default", **functions):
    module = tf.Module()
    spec = tf.TensorSpec([None, None, None, 3], dtype, name="pixels")

    @tf.function(input_signature=[spec])
    def brightest(pixels):
        return {"classes": tf.argmax(pixels, axis=-1)}

    tf.saved_model.save(module, str(path), signatures={name: brightest, **functions})
    return path


def write_graph(path, *, batch=1):
    """Writes a graph as TensorFlow 1 does, with labels of 64 bits."""
    graph = tf.Graph()
    with graph.as_default():
        pixels = tf.compat.v1.placeholder(
            tf.uint8, [batch, None, None, 3], name="ImageTensor"
        )
        tf.argmax(pixels, axis=-1, name="SemanticPredictions")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
def test_a_saved_model_of_other_names_is_run(tmp_path, dtype):
    predict = saved_model_predictor(save(tmp_path / "m", dtype))
    labels = predict(IMAGE)["labels"]
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(predict(IMAGE[None])["labels"], [LABELS])
    # Of floating-point images, as resizing leaves them.
    np.testing.assert_array_equal(predict(IMAGE - 0.3)["labels"], LABELS)


def test_a_saved_model_without_probabilities_says_so(tmp_path):
    path = save(tmp_path / "m")
    assert not has_probabilities(path)
    with pytest.raises(ValueError, match="no signature 'probabilities'"):
        saved_model_predictor(path, with_probabilities=True)


def test_what_is_no_saved_model_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"holds no saved_model\.pb"):
        saved_model_predictor(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"no graph")
    with pytest.raises(ValueError, match="cannot be loaded as a SavedModel"):
        saved_model_predictor(tmp_path)
    with pytest.raises(ValueError, match="is damaged"):
        has_probabilities(tmp_path)


def test_a_signature_of_something_else_is_refused(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def length(text):
        return {"length": tf.strings.length(text)}

    path = tmp_path / "m"
    tf.saved_model.save(tf.Module(), str(path), signatures={"serving_default": length})
    with pytest.raises(ValueError, match="expected to take one tensor of images"):
        saved_model_predictor(path)


def test_a_frozen_graph_is_run_image_by_image(tmp_path):
    predict = frozen_graph_predictor(write_graph(tmp_path / "graph.pb"))
    labels = predict(np.stack([IMAGE, IMAGE[::-1]]))["labels"]
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, [LABELS, LABELS[::-1]])


def test_what_is_no_frozen_graph_is_named(tmp_path):
    path = tmp_path / "graph.pb"
    path.write_bytes(b"no graph")
    with pytest.raises(ValueError, match=r"graph\.pb is no frozen graph"):
        frozen_graph_predictor(path)
    path.write_bytes(tf.Graph().as_graph_def().SerializeToString())
    with pytest.raises(ValueError, match="ImageTensor:0"):
        frozen_graph_predictor(path)
