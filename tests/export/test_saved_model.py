# Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.export import comparison, saved_model
from deeplab_tf.export.network_json import read_network_json
from deeplab_tf.inference.build_predictor import build_predictor
from deeplab_tf.inference.saved_model_predictor import (
    frozen_graph_predictor,
    has_probabilities,
    saved_model_predictor,
)
from tests.export.networks import CLASSES, build_network

pytestmark = pytest.mark.slow

EVALUATION = EvaluationConfig(crop_size=(49, 65))


@pytest.fixture(scope="module")
def network():
    return build_network(output_stride=8)


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    """(folder, comparison) of one export."""
    model, config = network
    path = tmp_path_factory.mktemp("export") / "saved_model"
    result = saved_model.export_saved_model(
        model, path, config=config, evaluation=EVALUATION, dataset=CLASSES
    )
    return path, result


def test_a_saved_model_has_all_signatures(exported):
    module = tf.saved_model.load(str(exported[0]))
    assert sorted(module.signatures) == [
        "encoded",
        "logits",
        "probabilities",
        "serving_default",
    ]
    inputs = {
        name: signature.structured_input_signature[1]
        for name, signature in module.signatures.items()
    }
    images = inputs["serving_default"]["ImageTensor"]
    assert (images.dtype, images.shape.as_list()) == (tf.uint8, [None, None, None, 3])
    assert inputs["logits"]["ImageTensor"].dtype == tf.uint8
    assert inputs["encoded"]["image_bytes"].dtype == tf.string
    outputs = {
        name: signature.structured_outputs
        for name, signature in module.signatures.items()
    }
    assert outputs["serving_default"]["SemanticPredictions"].dtype == tf.int32
    assert outputs["encoded"]["SemanticPredictions"].dtype == tf.int32
    assert outputs["logits"]["SemanticLogits"].dtype == tf.float32
    probabilities = outputs["probabilities"]["SemanticProbabilities"]
    assert probabilities.shape.as_list() == [None, None, None, 5]


def test_a_saved_model_tells_its_classes_and_crop(exported):
    assert sorted(path.name for path in exported[0].iterdir()) == [
        "assets",
        "assets.extra",
        "fingerprint.pb",
        "saved_model.pb",
        "variables",
    ]
    info = read_network_json(exported[0])
    assert info.classes == CLASSES.classes
    assert info.palette == CLASSES.palette
    assert (info.dataset, info.num_classes) == ("letters", 5)
    assert (info.crop_size, info.output_stride) == ((49, 65), 8)


def test_a_saved_model_is_a_predictor(exported, network):
    expected = build_predictor(*network, EVALUATION)
    (images,) = comparison.probe_images((2, 33, 40), seed=4)
    labels = expected(images)["labels"].numpy()
    found = saved_model_predictor(exported[0])
    assert set(found(images)) == {"labels"}
    assert (found(images)["labels"] == labels).mean() >= 0.999
    assert has_probabilities(exported[0])
    blended = saved_model_predictor(exported[0], with_probabilities=True)(images[0])
    assert blended["probabilities"].shape == (33, 40, 5)
    assert (blended["labels"] == labels[0]).mean() >= 0.999


def test_a_saved_model_takes_any_batch_height_and_width(exported, network):
    serve = tf.saved_model.load(str(exported[0])).signatures["serving_default"]
    predict = build_predictor(*network, EVALUATION)
    for size in ((1, 49, 65), (3, 20, 33), (1, 97, 50)):
        (images,) = comparison.probe_images(size, seed=2)
        labels = serve(ImageTensor=tf.constant(images))["SemanticPredictions"].numpy()
        assert labels.shape == size
        assert (labels == predict(images)["labels"].numpy()).mean() >= 0.999


def test_the_comparison_is_stored_beside_the_folder(exported):
    path, result = exported
    assert result.agreement >= 0.999
    assert result.images == 3
    stored = json.loads((path.parent / "saved_model.comparison.json").read_text())
    assert stored["agreement"] == result.agreement
    files = [file for file in path.rglob("*") if file.is_file()]
    assert stored["size_bytes"] == sum(file.stat().st_size for file in files)
    assert [entry.name for entry in path.parent.iterdir() if entry.is_dir()] == [
        "saved_model"
    ]


def test_scales_and_flip_are_in_the_graph_without_logits(network, tmp_path):
    model, config = network
    evaluation = EvaluationConfig(crop_size=(49, 65), scales=(0.75, 1.0), flip=True)
    result = saved_model.export_saved_model(
        model, tmp_path / "m", config=config, evaluation=evaluation
    )
    assert result.agreement >= 0.999
    module = tf.saved_model.load(str(tmp_path / "m"))
    assert sorted(module.signatures) == [
        "encoded",
        "probabilities",
        "serving_default",
    ]
    (images,) = comparison.probe_images((1, 49, 65), seed=4)
    labels = module.signatures["serving_default"](ImageTensor=tf.constant(images))
    mirrored = module.signatures["serving_default"](
        ImageTensor=tf.constant(images[:, :, ::-1])
    )
    turned = mirrored["SemanticPredictions"].numpy()[:, :, ::-1]
    assert (labels["SemanticPredictions"].numpy() == turned).mean() >= 0.99


def test_an_export_replaces_an_older_one_and_nothing_else(exported, network, tmp_path):
    model, config = network
    path = tmp_path / "m"
    (path / "variables").mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(b"old")
    saved_model.export_saved_model(model, path, config=config, evaluation=EVALUATION)
    assert (path / "saved_model.pb").stat().st_size > 3
    (path / "notes.txt").write_text("kept")
    with pytest.raises(ValueError, match=r"holds notes.txt.*give a new folder"):
        saved_model.export_saved_model(
            model, path, config=config, evaluation=EVALUATION
        )
    assert (path / "notes.txt").read_text() == "kept"
    file = tmp_path / "file"
    file.write_text("kept")
    with pytest.raises(ValueError, match="is a file"):
        saved_model.export_saved_model(
            model, file, config=config, evaluation=EVALUATION
        )


def test_a_frozen_graph_has_the_tensors_of_the_original(network, tmp_path):
    model, config = network
    path = tmp_path / "frozen_inference_graph.pb"
    result = saved_model.export_frozen_graph(
        model, path, config=config, evaluation=EVALUATION
    )
    assert result.agreement >= 0.999
    assert (tmp_path / "frozen_inference_graph.pb.comparison.json").is_file()
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    images = graph.get_tensor_by_name("ImageTensor:0")
    labels = graph.get_tensor_by_name("SemanticPredictions:0")
    assert (images.dtype, images.shape.as_list()) == (tf.uint8, [None, None, None, 3])
    assert labels.dtype == tf.int32
    assert not {"VarHandleOp", "VariableV2"} & {node.op for node in definition.node}
    assert len(definition.library.function) == 0 or not any(
        node.op == "VarHandleOp"
        for function in definition.library.function
        for node in function.node_def
    )
    predict = build_predictor(model, config, EVALUATION)
    (probe,) = comparison.probe_images((2, 33, 60), seed=9)
    with tf.compat.v1.Session(graph=graph) as session:
        found = session.run(labels, {images: probe})
    np.testing.assert_array_equal(frozen_graph_predictor(path)(probe)["labels"], found)
    assert read_network_json(path).num_classes == 5
    assert (found == np.asarray(predict(probe)["labels"])).mean() >= 0.999
