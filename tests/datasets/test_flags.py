# Licensed under the Apache License, Version 2.0.
"""The flags of the original's builders of data sets."""

import contextlib

import pytest

from tests.cli.command import FLAGS
from tests.cli.test_flags import SAMPLES, check_flags, original_flags

from . import scripts

BUILDERS = ("build_voc2012_data", "build_cityscapes_data", "build_ade20k_data")
# The original defines these for all builders.
COMMON = "datasets/build_data.py"

every_builder = pytest.mark.parametrize("name", BUILDERS)


@contextlib.contextmanager
def parsed_flags(name, *arguments):
    """Defines and parses the flags of a script, and takes them away afterwards."""
    before = set(FLAGS)
    try:
        scripts.load(name).define_flags()
        FLAGS([f"{name}.py", *arguments])
        yield
    finally:
        for flag in set(FLAGS) - before:
            delattr(FLAGS, flag)


@pytest.mark.reference
@every_builder
def test_every_flag_of_the_original_has_its_type_and_default(name, reference):
    wanted = list(original_flags(reference, f"datasets/{name}.py"))
    assert "output_dir" in {flag for flag, *_ in wanted}
    with parsed_flags(name):
        check_flags(wanted)


@pytest.mark.reference
@every_builder
def test_every_flag_of_the_original_parses(name, reference):
    samples = SAMPLES | {"enum": "png"}
    wanted = {
        flag: samples[kind]
        for flag, kind, _ in original_flags(reference, COMMON, f"datasets/{name}.py")
    }
    assert {"image_format", "label_format", "output_dir"} <= set(wanted)
    arguments = [f"--{flag}={sample}" for flag, sample in wanted.items()]
    with parsed_flags(name, *arguments):
        assert {flag: FLAGS[flag].value for flag in wanted} == wanted


@every_builder
@pytest.mark.parametrize("image_format", ["jpg", "jpeg", "png"])
def test_every_format_of_the_original_parses(name, image_format):
    with parsed_flags(name, f"--image_format={image_format}"):
        assert FLAGS.image_format == image_format
