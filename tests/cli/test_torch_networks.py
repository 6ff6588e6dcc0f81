# Licensed under the Apache License, Version 2.0.
"""Flags beside a file that says what its network is."""

import pytest

from deeplab_tf.cli import model_options
from deeplab_tf.config.kazuto1011 import KAZUTO1011
from deeplab_tf.config.torchvision import TORCHVISION
from deeplab_tf.config.vainf import VAINF, vainf_config

NETWORKS = {**TORCHVISION, **KAZUTO1011} | {f"vainf_{n}": c for n, c in VAINF.items()}


def change(config, **given):
    return model_options.change_config(config, given, from_checkpoint=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_flag_changes_nothing(name):
    assert change(NETWORKS[name]) == NETWORKS[name]


@pytest.mark.parametrize("name", VAINF)
def test_output_stride_changes_the_rates_as_vainf_does(name):
    expected = vainf_config(name, output_stride=8)
    assert change(VAINF[name], output_stride=8) == expected


def test_rates_of_torchvision_are_kept_where_they_are_given():
    config = TORCHVISION["deeplabv3_resnet50"]
    changed = change(config, output_stride=16, atrous_rates=(12, 24, 36))
    assert changed.aspp == config.aspp
    assert changed.backbone.output_stride == 16


def test_another_number_of_classes_is_refused():
    with pytest.raises(ValueError, match="--num_classes=19 does not fit"):
        change(TORCHVISION["deeplabv3_resnet50"], num_classes=19)
