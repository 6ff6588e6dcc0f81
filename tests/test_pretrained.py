# Licensed under the Apache License, Version 2.0.
"""`deeplab.load_pretrained` against a server on loopback."""

import numpy as np
import pytest

import deeplab_tf as deeplab
from deeplab_tf.checkpoints.published import get_published
from deeplab_tf.models import build_model
from tests.checkpoints.file_server import run_server
from tests.cli.tf1_checkpoint import pack_network

NAME = "mobilenetv2_dm05_coco_voc_trainaug"
ARCHIVE = get_published(NAME).file_name


@pytest.fixture(scope="module")
def model():
    return build_model(get_published(NAME).model)


@pytest.fixture(scope="module")
def archive(model, tmp_path_factory):
    return pack_network(model, tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with run_server() as state:
        yield state


@pytest.mark.slow
@pytest.mark.parametrize("output_stride", [None, 8])
def test_network_comes_with_its_weights(
    server, archive, model, tmp_path, output_stride
):
    server.serve(ARCHIVE, archive)
    found = deeplab.load_pretrained(
        NAME,
        output_stride=output_stride,
        weights_dir=tmp_path,
        mirror=server.url,
    )
    for ours, theirs in zip(found.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
    logits = found(np.zeros([1, 65, 65, 3], np.uint8))["semantic"]
    assert logits.shape[1] == (5 if output_stride is None else 9)


@pytest.mark.slow
def test_classifier_of_imagenet_comes_with_its_weights(server, tmp_path):
    name = "resnet_v1_50_beta_imagenet"
    classifier = build_model(get_published(name).classifier)
    archive = pack_network(classifier, tmp_path, scope="resnet_v1_50")
    server.serve(get_published(name).file_name, archive)
    found = deeplab.load_pretrained(name, weights_dir=tmp_path, mirror=server.url)
    for ours, theirs in zip(found.weights, classifier.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
    assert found.output["classes"].shape == (None, 1001)


def test_offline_without_the_file_says_where_it_belongs(tmp_path):
    with pytest.raises(OSError, match=f"{ARCHIVE} is not in {tmp_path}"):
        deeplab.load_pretrained(NAME, weights_dir=tmp_path, offline=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mobilenet", "near ones are"),
        ("torchvision_resnet50_v2", "a training starts"),
        ("garden_mobilenetv2_deeplabv3_voc_int8", "No network is built"),
    ],
)
def test_name_without_a_network_is_told(name, message):
    with pytest.raises(ValueError, match=message):
        deeplab.load_pretrained(name)


def test_list_has_what_can_be_loaded():
    assert NAME in [published.name for published in deeplab.list_pretrained()]
