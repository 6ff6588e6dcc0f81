# Licensed under the Apache License, Version 2.0.
"""Keras files with a network and its configuration."""

import zipfile

import keras
import numpy as np
import pytest

from deeplab_tf.checkpoints.keras_file import KerasFileReader, save_keras
from deeplab_tf.checkpoints.load import load_checkpoint
from deeplab_tf.models import build_model
from tests import contracts
from tests.models.model_cases import config_of

pytestmark = pytest.mark.slow
CONFIG = config_of("v3")


@pytest.fixture(scope="module")
def model():
    model = build_model(CONFIG)
    contracts.draw_weights(model)
    return model


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "new" / "model.keras"
    save_keras(model, path, config=CONFIG)
    return path


def test_file_holds_network_and_configuration(model, path):
    assert [file.name for file in path.parent.iterdir()] == ["model.keras"]
    reader = KerasFileReader(path)
    assert reader.config == CONFIG
    other = build_model(reader.config)
    report = load_checkpoint(other, path)
    assert report.format == "deeplab_tf"
    for ours, theirs in zip(other.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


def test_keras_opens_it_by_itself(model, path):
    image = contracts.draw_image(33, 33)
    opened = keras.saving.load_model(path)
    np.testing.assert_array_equal(opened(image)["semantic"], model(image)["semantic"])


def test_file_that_keras_alone_wrote_has_no_configuration(model, tmp_path, caplog):
    model.save(tmp_path / "model.keras")
    reader = KerasFileReader(tmp_path / "model.keras")
    assert reader.config is None
    assert "does not say what network it holds" in caplog.text
    assert len(reader) == len(model.weights)


def test_damaged_file_is_told(path, tmp_path):
    short = tmp_path / "short.keras"
    short.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="cannot be read as a Keras file"):
        KerasFileReader(short)


def test_archive_of_something_else_is_told(tmp_path):
    path = tmp_path / "other.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "nothing")
    with pytest.raises(ValueError, match="cannot be read as a Keras file"):
        KerasFileReader(path)


def test_another_ending_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.keras"):
        save_keras(model, tmp_path / "model.h5", config=CONFIG)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"version": 99}'])
def test_damaged_configuration_names_the_file(content, tmp_path):
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("deeplab_tf.json", content)
    with pytest.raises(ValueError, match=r"net\.keras cannot be read as a Keras file"):
        KerasFileReader(path)
