# Licensed under the Apache License, Version 2.0.
"""The tables of costs in g3doc/networks.md say what the summary command prints."""

import shlex

import pytest

from deeplab_tf.cli import summary
from deeplab_tf.layers import multiply_adds
from deeplab_tf.layers.resize import scale_dimension
from deeplab_tf.models import build_model
from tests.cli.command import parsed_flags
from tests.docs import pages

TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in pages.read_page("g3doc/networks.md").splitlines()
    if line.startswith("|") and "` | " in line and line.endswith(" % |")
]
ROWS = [row for row in TABLE if len(row) == 7]
# Of several scales and mirrored images.
MULTI_SCALE_ROWS = [row for row in TABLE if len(row) == 6]


def each(rows):
    return pytest.mark.parametrize(
        "row", rows, ids=[row[0].replace(" ", "_") for row in rows]
    )


def number(cell):
    return float(cell.split()[0])


def read_command(command):
    """Returns the network of a row's flags, and the size of its input."""
    with parsed_flags("summary", *shlex.split(command.strip("`"))) as flags:
        (config,) = summary.configurations()
        (size,) = (summary.parse_size(text) for text in flags.input_size)
    return config, size


def read_scales(cell):
    """Returns the scales of "0.5 to 1.75", in steps of a quarter."""
    first, last = (round(4 * float(text)) for text in cell.split(" to "))
    return [quarters / 4 for quarters in range(first, last + 1)]


def test_the_tables_are_found():
    assert len(ROWS) > 15
    assert len(MULTI_SCALE_ROWS) > 10


def test_scales_are_those_of_the_original():
    sides = [scale_dimension(513, scale) for scale in read_scales("0.5 to 1.75")]
    assert sides == [257, 385, 513, 641, 769, 897]


@pytest.mark.slow
@pytest.mark.usefixtures("no_values")
@each(ROWS)
def test_row_is_what_the_command_prints(row):
    _, command, parameters, published_parameters, cost, published_cost, difference = row
    config, size = read_command(command)
    found = summary.summarize(config, input_size=size)
    assert f"{found.trainable / 1e6:.3f} M" == parameters
    assert f"{found.multiply_adds / 1e9:.3f}" == cost
    if published_parameters:
        assert found.trainable / 1e6 == pytest.approx(
            number(published_parameters), rel=0.01
        )
    ratio = found.multiply_adds / 1e9 / number(published_cost) - 1
    assert f"{100 * ratio:+.1f} %" == difference
    # The page tells why the rows with a star miss by more.
    assert (abs(ratio) <= 0.01) != row[0].endswith("*")


@pytest.mark.slow
@pytest.mark.usefixtures("no_values")
@each(MULTI_SCALE_ROWS)
def test_row_of_several_scales_is_twice_the_sum(row):
    _, command, scales, cost, published_cost, difference = row
    config, size = read_command(command)
    model = build_model(config)
    found = 2e-9 * sum(
        multiply_adds.count_model(
            model, image_size=tuple(scale_dimension(side, scale) for side in size)
        )
        for scale in read_scales(scales)
    )
    assert f"{found:.3f}" == cost
    ratio = found / number(published_cost) - 1
    assert f"{100 * ratio:+.1f} %" == difference
    assert abs(ratio) <= 0.01
