# Licensed under the Apache License, Version 2.0.
"""Fixtures for all tests."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Minutes each: begun first, or one process would have such a file left in the end.
LONGEST = (
    "tests/docs/test_commands.py",
    "tests/cli/test_documented_commands.py",
    "tests/recipes/test_recipes.py",
    "tests/models/test_goldens.py",
    "tests/models/test_models.py",
)


class FailuresAtOnce:
    """Prints a failure when it happens: a run that is cut off has told it, too."""

    def __init__(self, reporter):
        self._reporter = reporter

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self._reporter.write_line(f"\n{report.nodeid}\n{report.longreprtext}")


def pytest_configure(config):
    # Not in the processes of pytest-xdist, which report to this one.
    if os.environ.get("CI") == "true" and not hasattr(config, "workerinput"):
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        config.pluginmanager.register(FailuresAtOnce(reporter), "failures_at_once")


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


@pytest.fixture
def no_values():
    """Builds networks without drawing weights, which takes most of the time."""
    import keras

    with keras.StatelessScope(initialize_variables=False):
        yield
    # Forgets the variables that wait for their values.
    keras.backend.clear_session()


def _rank(item):
    file = item.path.relative_to(ROOT).as_posix()
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


def pytest_collection_modifyitems(items):
    items.sort(key=_rank)
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
