# Licensed under the Apache License, Version 2.0.
"""Frozen graphs of TensorFlow 1 as checkpoints."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.checkpoints.frozen_graph_reader import FrozenGraphReader
from deeplab_tf.checkpoints.load import load_checkpoint
from deeplab_tf.checkpoints.slim_names import slim_name
from deeplab_tf.models import build_model
from tests import contracts
from tests.models.model_cases import config_of


def write_graph(path, values, *, reads=True):
    """Writes constants as freezing leaves them, among constants that are no weights."""
    with tf.Graph().as_default() as graph:
        tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        tf.constant([1, 1], name="ResizeBilinear/size")
        tf.constant(2.0 / 255.0, name="mul/x")
        for name, value in values.items():
            constant = tf.constant(value, name=name)
            if reads:
                tf.identity(constant, name=f"{name}/read")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


@pytest.fixture
def values():
    return {
        "MobilenetV2/Conv/weights": np.arange(6, dtype="float32").reshape(1, 1, 2, 3),
        "MobilenetV2/Conv/BatchNorm/gamma": np.float32([1, 2, 3]),
        "logits/semantic/biases": np.float32([4, 5]),
        # A constant of equal numbers is stored as one.
        "MobilenetV2/Conv/BatchNorm/moving_mean": np.zeros(3, np.float32),
    }


@pytest.mark.parametrize("reads", [True, False])
def test_variables_are_read_by_their_names(values, reads, tmp_path):
    reader = FrozenGraphReader(write_graph(tmp_path / "g.pb", values, reads=reads))
    assert set(reader) == set(values)
    for name, value in values.items():
        assert reader.shapes[name] == value.shape
        np.testing.assert_array_equal(reader[name], value)


@pytest.mark.slow
def test_network_is_loaded(tmp_path):
    model = build_model(config_of("v3plus"))
    contracts.draw_weights(model)
    path = write_graph(
        tmp_path / "frozen_inference_graph.pb",
        {slim_name(w.path, scope="MobilenetV2"): np.asarray(w) for w in model.weights},
    )
    other = build_model(config_of("v3plus"))
    # A folder of a released archive that holds nothing else.
    report = load_checkpoint(other, tmp_path)
    assert report.path == str(tmp_path)
    assert (len(report.assigned), report.ignored) == (len(model.weights), ())
    for ours, theirs in zip(other.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
    assert load_checkpoint(other, path).format == "research/deeplab"


def test_graph_without_variables_is_told(tmp_path):
    path = write_graph(tmp_path / "g.pb", {"conv/kernel": np.float32([1])})
    with pytest.raises(ValueError, match=r"no variables of research/deeplab.*mul/x"):
        FrozenGraphReader(path)


def test_file_that_is_no_graph_is_told(tmp_path):
    path = tmp_path / "g.pb"
    path.write_bytes(b"\xff\xffnothing of the kind")
    with pytest.raises(ValueError, match="cannot be read as a frozen graph"):
        FrozenGraphReader(path)
