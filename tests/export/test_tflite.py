# Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest

from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.export import comparison, tflite
from deeplab_tf.inference.build_predictor import build_predictor
from deeplab_tf.inference.tflite_predictor import open_interpreter
from tests.export.networks import build_network

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[8, 16])
def exported(request, tmp_path_factory):
    """(path, comparison, model, config) at an output stride."""
    model, config = build_network(output_stride=request.param)
    path = tmp_path_factory.mktemp("tflite") / "model.tflite"
    result = tflite.export_tflite(
        model, path, config=config, evaluation=EvaluationConfig(crop_size=(49, 65))
    )
    return path, result, model, config


def test_a_file_takes_one_uint8_image_and_gives_int32_labels(exported):
    interpreter = open_interpreter(path=exported[0])
    (image,) = interpreter.get_input_details()
    (labels,) = interpreter.get_output_details()
    assert (image["dtype"], image["shape"].tolist()) == (np.uint8, [1, 49, 65, 3])
    assert (labels["dtype"], labels["shape"].tolist()) == (np.int32, [1, 49, 65])


def test_a_file_holds_built_in_operations_and_no_space_to_batch(exported):
    operations = tflite.list_operations(exported[0].read_bytes())
    assert "CONV_2D" in operations
    assert "DEPTHWISE_CONV_2D" in operations
    for name in operations:
        assert "SPACE" not in name
        assert not name.upper().startswith(("FLEX", "CUSTOM", "DELEGATE"))


def test_a_file_agrees_with_the_model_and_says_so(exported):
    path, result, model, config = exported
    assert result.agreement >= 0.999
    stored = json.loads((path.parent / "model.tflite.comparison.json").read_text())
    assert stored["agreement"] == result.agreement
    assert stored["format"] == "tflite"
    assert stored["size_bytes"] == path.stat().st_size
    evaluation = EvaluationConfig(crop_size=(49, 65))
    predict = build_predictor(model, config, evaluation)
    run = tflite.load_tflite(path)
    for seed in (11, 12):
        (images,) = comparison.probe_images((1, 49, 65), seed=seed)
        expected = predict(images)["labels"].numpy()
        assert len(np.unique(expected)) > 1
        assert (run(images) == expected).mean() >= 0.999


def test_scales_and_flip_convert_too(tmp_path):
    model, config = build_network()
    result = tflite.export_tflite(
        model,
        tmp_path / "m.tflite",
        config=config,
        evaluation=EvaluationConfig(crop_size=(33, 33), scales=(0.5, 1.0), flip=True),
    )
    assert result.agreement >= 0.999


def test_refused_operations_leave_no_file(tmp_path, monkeypatch):
    model, config = build_network()
    monkeypatch.setattr(
        tflite, "list_operations", lambda content: ["CONV_2D", "SPACE_TO_BATCH_ND"]
    )
    with pytest.raises(ValueError, match="SPACE_TO_BATCH_ND"):
        tflite.export_tflite(
            model,
            tmp_path / "m.tflite",
            config=config,
            evaluation=EvaluationConfig(crop_size=(33, 33)),
        )
    assert list(tmp_path.iterdir()) == []
