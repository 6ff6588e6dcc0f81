# Licensed under the Apache License, Version 2.0.
"""Flags that are found in the tensors of a checkpoint."""

import pytest

from deeplab_tf.checkpoints.slim_names import slim_name
from deeplab_tf.checkpoints.slim_options import format_options, guess_options
from deeplab_tf.cli.model_options import build_config
from deeplab_tf.models import build_model
from tests import goldens
from tests.models.model_cases import OPTIONS, config_of

RECORDED = (
    *goldens.MOBILENET_V2,
    *goldens.MOBILENET_V3,
    *goldens.MOBILENET_EDGETPU,
    *goldens.RESNET,
    *goldens.XCEPTION,
    *goldens.HEADS,
    *goldens.NASNET,
)


def shapes_of(config, scope):
    return {
        slim_name(weight.path, scope=scope): tuple(weight.shape)
        for weight in build_model(config).weights
    }


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.usefixtures("no_values")
@pytest.mark.parametrize("name", RECORDED)
def test_flags_of_recorded_networks_give_their_tensors(name, reference):
    golden = goldens.load(reference, name)
    recorded = {row[0]: tuple(row[1]) for row in golden.case["variables"]}
    config = build_config(guess_options(recorded))
    assert shapes_of(config, golden.scope) == recorded


@pytest.mark.usefixtures("no_values")
@pytest.mark.parametrize("name", OPTIONS)
def test_flags_of_heads_give_their_tensors(name):
    scope = "resnet_v1_18" if name == "v3plus_resnet" else "MobilenetV2"
    expected = shapes_of(config_of(name), scope)
    assert shapes_of(build_config(guess_options(expected)), scope) == expected


def test_nothing_is_said_of_an_unknown_network():
    assert guess_options({"inception/conv/weights": (3, 3, 3, 8)}) == {}


def test_options_are_written_as_flags():
    options = {
        "model_variant": "mobilenet_v2",
        "atrous_rates": (6, 12),
        "decoder_output_stride": (8, 4),
        "decoder_use_sum_merge": True,
        "depth_multiplier": 0.5,
    }
    assert format_options(options) == (
        "--model_variant=mobilenet_v2 --atrous_rates=6 --atrous_rates=12 "
        "--decoder_output_stride=8,4 --decoder_use_sum_merge=true "
        "--depth_multiplier=0.5"
    )
