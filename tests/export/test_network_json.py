# Licensed under the Apache License, Version 2.0.
import dataclasses
import json

import pytest

from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.export import network_json
from deeplab_tf.export.network_json import describe_network
from deeplab_tf.inference.build_predictor import ImageSize
from tests.export.networks import CLASSES, CONFIG

EVALUATION = EvaluationConfig(crop_size=(49, 65), scales=(0.5, 1.0), flip=True)


def test_it_says_what_is_in_the_graph():
    info = describe_network(
        CONFIG, EVALUATION, dataset=CLASSES, image_size=ImageSize(min_resize_value=33)
    )
    assert (info.num_classes, info.dataset) == (5, "letters")
    assert info.classes == ("a", "b", "c", "d", "e")
    assert info.palette[2] == (100, 10, 20)
    assert info.crop_size == (49, 65)
    assert info.padding_pixel == (127.5, 127.5, 127.5)
    assert (info.output_stride, info.scales, info.flip) == (16, (0.5, 1.0), True)
    assert info.resizes
    assert not info.has_background


def test_classes_may_be_unknown():
    info = describe_network(CONFIG, EVALUATION, image_size=ImageSize())
    assert (info.num_classes, info.classes, info.palette) == (5, (), ())
    assert not info.resizes


def test_other_classes_are_refused():
    few = dataclasses.replace(CLASSES, classes=("a", "b"), palette=((0, 0, 0),) * 2)
    with pytest.raises(ValueError, match="5 classes, and data set 'letters' has 2"):
        describe_network(CONFIG, EVALUATION, dataset=few)


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_it_is_read_as_it_was_written(tmp_path, kind):
    path = tmp_path / "model"
    path.mkdir() if kind == "folder" else path.touch()
    assert network_json.read_network_json(path) is None
    info = describe_network(CONFIG, EVALUATION, dataset=CLASSES)
    network_json.write_network_json(path, info)
    expected = {
        "folder": "model/assets.extra/network.json",
        "file": "model.network.json",
    }
    assert network_json.json_path(path) == tmp_path / expected[kind]
    assert network_json.read_network_json(path) == info


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 2}', '{"version": 1}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "a.tflite.network.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.tflite\.network\.json is not valid"):
        network_json.read_network_json(tmp_path / "a.tflite")


def test_fields_that_an_older_export_lacks_have_their_defaults(tmp_path):
    path = tmp_path / "a.pb"
    info = describe_network(CONFIG, EvaluationConfig(crop_size=(49, 65)))
    network_json.write_network_json(path, info)
    file = network_json.json_path(path)
    data = json.loads(file.read_text())
    for name in ("dataset", "classes", "palette", "scales", "flip", "resizes"):
        del data[name]
    file.write_text(json.dumps(data))
    assert network_json.read_network_json(path) == info
    del data["crop_size"]
    file.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"not valid .*crop_size.* export the network"):
        network_json.read_network_json(path)


def test_an_unknown_field_is_an_error(tmp_path):
    path = tmp_path / "a.pb"
    info = describe_network(CONFIG, EVALUATION)
    network_json.write_network_json(path, info)
    file = network_json.json_path(path)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"new": 1}))
    with pytest.raises(ValueError, match="new"):
        network_json.read_network_json(path)
