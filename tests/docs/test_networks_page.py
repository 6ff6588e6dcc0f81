# Licensed under the Apache License, Version 2.0.
"""The table of costs in g3doc/networks.md says what the summary command prints."""

import re
import shlex

import pytest

from deeplab_tf.cli import summary
from tests.cli.command import parsed_flags
from tests.docs import pages

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in pages.read_page("g3doc/networks.md").splitlines()
    if line.startswith("|") and "` | " in line and " M |" in line
]


def number(cell):
    return float(cell.split()[0])


def test_the_table_is_found():
    assert len(ROWS) > 10


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=[row[0].replace(" ", "_") for row in ROWS])
def test_row_is_what_the_command_prints(row):
    _, command, parameters, published_parameters, cost, published_cost, difference = row
    with parsed_flags("summary", *shlex.split(command.strip("`"))) as flags:
        (config,) = summary.configurations()
        (size,) = (summary.parse_size(text) for text in flags.input_size)
    found = summary.summarize(config, input_size=size)
    assert f"{found.trainable / 1e6:.3f} M" == parameters
    assert f"{found.multiply_adds / 1e9:.3f}" == cost
    if published_parameters:
        assert found.trainable / 1e6 == pytest.approx(
            number(published_parameters), rel=0.01
        )
    ratio = found.multiply_adds / 1e9 / number(published_cost) - 1
    assert f"{100 * ratio:+.1f} %" == difference
    tolerance = 0.015 if re.search(r"at 0.5|ResNet-101 v3\+, OS 16", row[0]) else 0.01
    assert abs(ratio) <= tolerance
