# Licensed under the Apache License, Version 2.0.
"""The table of all backbones is that of g3doc/model_zoo.md."""

import pytest

from deeplab_tf.cli import variant_table
from deeplab_tf.config.backbone import BACKBONES
from tests.docs import pages

PAGE = pages.read_page("g3doc/model_zoo.md")
NETWORKS_PAGE = pages.read_page("g3doc/networks.md")


@pytest.mark.slow
@pytest.mark.usefixtures("no_values")
@pytest.mark.parametrize("name", BACKBONES)
def test_the_page_has_the_line_of_the_command(name):
    line = variant_table.format_variant(variant_table.measure(name))
    assert f"\n{line}\n" in PAGE


def test_the_page_has_the_header():
    assert " | ".join(variant_table.HEADER) in PAGE


@pytest.mark.slow
@pytest.mark.usefixtures("no_values")
@pytest.mark.parametrize(
    ("module", "name"),
    [(m, n) for m, found in variant_table.PAPERS.items() for n in found],
)
def test_the_page_of_networks_has_the_line_of_the_command(module, name):
    line = variant_table.describe_network(module, name)
    assert f"\n{line}\n" in NETWORKS_PAGE


def test_the_page_of_networks_has_the_header():
    assert " | ".join(variant_table.PAPERS_HEADER) in NETWORKS_PAGE
