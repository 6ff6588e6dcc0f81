# Licensed under the Apache License, Version 2.0.
"""The summary command: recorded counts, published counts, its table and errors."""

import subprocess
import sys

import pytest

from deeplab_tf.cli import summary
from deeplab_tf.cli.model_options import build_config
from tests import goldens

SIZE = (513, 513)


def run(*flags):
    return subprocess.run(
        [sys.executable, "-m", "deeplab_tf.cli.summary", *flags],
        capture_output=True,
        text=True,
    )


@pytest.mark.reference
@pytest.mark.parametrize("name", [*goldens.MOBILENET_V2, goldens.PYRAMID])
def test_counts_are_the_recorded_ones(name, reference):
    golden = goldens.load(reference, name)
    found = summary.summarize(golden.counted_config, input_size=SIZE)
    assert found.trainable == golden.case["params_trainable"]
    assert found.parameters == golden.case["params_all"]
    assert found.multiply_adds == golden.case["multiply_adds_513x513"]


def test_cost_of_an_image_pyramid_is_that_of_all_scales():
    given = {"depth_multiplier": 0.35, "atrous_rates": (6,)}
    scales = build_config(given | {"image_pyramid": (0.5, 1.0)})
    found = summary.summarize(scales, input_size=(129, 193))
    alone = [
        summary.summarize(build_config(given), input_size=size).multiply_adds
        for size in ((65, 97), (129, 193))
    ]
    assert found.multiply_adds == sum(alone)


def test_counts_are_the_published_ones():
    """research/deeplab/g3doc/model_zoo.md and arXiv:1801.04381, table 7."""
    found = summary.summarize(build_config({}), input_size=SIZE)
    assert found.trainable == pytest.approx(2.11e6, rel=0.01)
    assert found.multiply_adds == pytest.approx(2.75e9, rel=0.01)
    assert found.output_shapes == {"semantic": (33, 33, 21)}


def test_cost_grows_with_the_input_and_parameters_do_not():
    config = build_config({"depth_multiplier": 0.35})
    small, large = (
        summary.summarize(config, input_size=size) for size in ((65, 97), (129, 193))
    )
    assert small.parameters == large.parameters
    assert small.output_shapes == {"semantic": (5, 7, 21)}
    assert 3 < large.multiply_adds / small.multiply_adds < 4


def test_table_has_a_line_for_each_size():
    row = summary.Summary(
        network="deeplab_v3 mobilenet_v2",
        input_size=(65, 97),
        output_shapes={"semantic": (5, 7, 21)},
        trainable=1000,
        parameters=2000,
        multiply_adds=3000000,
    )
    header, first, second = summary.format_table([row, row]).splitlines()
    assert header.split("  ")[0] == "network"
    assert first == second
    assert first.split() == [
        *("deeplab_v3", "mobilenet_v2", "65x97", "semantic", "5x7x21"),
        *("1,000", "2,000", "3,000,000"),
    ]


@pytest.mark.parametrize("text", ["513,513", "513x513", "513, 513"])
def test_size_is_read(text):
    assert summary.parse_size(text) == SIZE


@pytest.mark.parametrize("text", ["513", "a,b", "1,2,3", "-1,5", "0,5", ""])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="--input_size must be"):
        summary.parse_size(text)


@pytest.mark.slow
def test_command_prints_the_network_of_the_flags():
    done = run(
        "--decoder_output_stride=4",
        "--atrous_rates=6",
        "--atrous_rates=12",
        "--depth_multiplier=0.35",
        "--num_classes=7",
        "--input_size=65,97",
        "--input_size=33x33",
    )
    assert done.returncode == 0, done.stderr
    _, first, second = done.stdout.splitlines()
    assert first.startswith("deeplab_v3plus mobilenet_v2 x0.35 os16  65x97  ")
    assert "17x25x7" in first
    assert "9x9x7" in second


@pytest.mark.slow
def test_command_prints_the_network_of_a_recipe():
    done = run(
        "--recipe=deeplab_v3plus_mobilenet_v2_voc2012",
        "--recipe=deeplab_v3_mobilenet_v2_cityscapes",
        "--set=model.backbone.depth_multiplier=0.5",
        "--output_stride=8",
        "--input_size=65,65",
    )
    assert done.returncode == 0, done.stderr
    _, first, second = done.stdout.splitlines()
    assert first.startswith("deeplab_v3plus mobilenet_v2 x0.5 os8  65x65  ")
    assert second.startswith("deeplab_v3 mobilenet_v2 x0.5 os8      65x65  ")
    assert "9x9x19" in second


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--input_size=513", "error: --input_size must be a height and a width"),
        ("--model_variant=nasnet", "error: Unknown model_variant 'nasnet'"),
        ("--output_stride=7", "error: output_stride must be 8, 16 or 32, got 7."),
        ("--recipe=nothing", "error: Unknown recipe 'nothing'"),
        ("--set=a.b=1", "error: --set changes a recipe"),
    ],
)
def test_bad_flag_gets_a_message_and_no_traceback(flag, message):
    done = run(flag)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
