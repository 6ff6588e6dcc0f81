# Licensed under the Apache License, Version 2.0.
"""The checkpoint that the original wrote, with momentum slots and EMA shadows."""

import json

import numpy as np
import pytest

from deeplab_tf.checkpoints.importer import WeightsMismatchError
from deeplab_tf.checkpoints.load import load_checkpoint
from deeplab_tf.checkpoints.slim_names import slim_name
from deeplab_tf.cli.model_options import build_config
from deeplab_tf.models import build_model
from tests import goldens

pytestmark = [pytest.mark.reference, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(reference):
    official = reference / "reference" / "official"
    return official / "checkpoint_mobilenet_v2_dm05"


@pytest.fixture(scope="module")
def contents(folder):
    return json.loads((folder / "contents.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def draw(reference):
    """Returns the rule that gave every tensor its value."""
    return goldens.load_rule(reference).reference_value


@pytest.fixture(scope="module")
def network(reference, contents):
    return build_model(goldens.load(reference, contents["network"]).config)


@pytest.mark.parametrize("averages", [False, True])
def test_values_are_those_that_were_written(folder, contents, draw, network, averages):
    report = load_checkpoint(network, folder, use_moving_averages=averages)
    assert len(report.assigned) == len(contents["model_variables"]) == 272
    rest = len(contents["all_tensors"]) - 272
    assert len(report.ignored) == rest
    for weight in network.weights:
        name = slim_name(weight.path, scope="MobilenetV2")
        has_shadow = f"{name}/ExponentialMovingAverage" in contents["ema_shadows"]
        salt = "ema" if averages and has_shadow else ""
        np.testing.assert_array_equal(
            weight, draw(name, weight.shape, salt), err_msg=name
        )


def test_any_way_to_it_gives_the_same_report(folder, contents, network):
    reports = {
        str(load_checkpoint(network, path)).partition("\n")[2]
        for path in (folder, folder / contents["prefix"])
    }
    assert len(reports) == 1


def test_network_of_another_width_is_refused(folder):
    other = build_model(build_config({"depth_multiplier": 0.75}))
    with pytest.raises(WeightsMismatchError, match="depth multiplier"):
        load_checkpoint(other, folder)
