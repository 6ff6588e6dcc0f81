# Licensed under the Apache License, Version 2.0.
"""The table of all backbones is that of g3doc/model_zoo.md."""

import keras
import pytest

from deeplab_tf.cli import variant_table
from deeplab_tf.config.backbone import BACKBONES
from tests.docs import pages

PAGE = pages.read_page("g3doc/model_zoo.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_the_page_has_the_line_of_the_command(name):
    # Without drawing weights, which takes most of the time.
    with keras.StatelessScope(initialize_variables=False):
        line = variant_table.format_variant(variant_table.measure(name))
    keras.backend.clear_session()
    assert f"\n{line}\n" in PAGE


def test_the_page_has_the_header():
    assert " | ".join(variant_table.HEADER) in PAGE
