# Licensed under the Apache License, Version 2.0.
"""Fixtures for all tests."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


def reference_folder() -> pathlib.Path:
    """Returns where the recorded values of the original implementations lie."""
    folder = os.environ.get("DEEPLAB_REFERENCE")
    return pathlib.Path(folder) if folder else ROOT.parent / "shared"


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    return ROOT


@pytest.fixture(scope="session")
def reference() -> pathlib.Path:
    return reference_folder()


def pytest_collection_modifyitems(items):
    if (reference_folder() / "reference" / "official").is_dir():
        return
    if os.environ.get("CI") == "true":
        raise pytest.UsageError(
            f"The recorded values are not in {reference_folder()}; "
            "set DEEPLAB_REFERENCE to their folder."
        )
    skip = pytest.mark.skip(reason=f"no recorded values in {reference_folder()}")
    for item in items:
        if "reference" in item.keywords:
            item.add_marker(skip)
