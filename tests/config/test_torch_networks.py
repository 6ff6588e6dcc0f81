# Licensed under the Apache License, Version 2.0.
"""Configurations of PyTorch's and Keras' networks: saved and read, padding, tables."""

import numpy as np
import pytest

from deeplab_tf.config import serialization
from deeplab_tf.config.kazuto1011 import KAZUTO1011
from deeplab_tf.config.keras_applications import KERAS_APPLICATIONS
from deeplab_tf.config.torchvision import TORCHVISION, TORCHVISION_BACKBONES
from deeplab_tf.config.vainf import VAINF

NETWORKS = {
    f"{source}/{name}": config
    for source, table in (
        ("torchvision", TORCHVISION),
        ("vainf", VAINF),
        ("kazuto1011", KAZUTO1011),
    )
    for name, config in table.items()
}
BACKBONES = {
    f"{source}/{name}": form.backbone
    for source, table in (
        ("torchvision", TORCHVISION_BACKBONES),
        ("keras", KERAS_APPLICATIONS),
    )
    for name, form in table.items()
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network_is_read_as_it_was_saved(name):
    config = NETWORKS[name]
    assert serialization.from_json(serialization.to_json(config)) == config


@pytest.mark.parametrize("name", BACKBONES)
def test_backbone_is_read_as_it_was_saved(name):
    config = BACKBONES[name]
    assert serialization.from_dict(serialization.to_dict(config)) == config


@pytest.mark.parametrize("name", NETWORKS)
def test_images_are_padded_with_the_mean(name):
    backbone = NETWORKS[name].backbone
    assert backbone.padding_pixel == backbone.input_scaling.mean


def test_mean_and_deviation_are_those_of_torchvision():
    scaling = TORCHVISION["deeplabv3_resnet50"].backbone.input_scaling
    np.testing.assert_allclose(scaling.mean, [123.675, 116.28, 103.53])
    np.testing.assert_allclose(scaling.deviation, [58.395, 57.12, 57.375])
