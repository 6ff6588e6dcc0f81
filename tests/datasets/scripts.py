# Licensed under the Apache License, Version 2.0.
"""Loads and runs the scripts of datasets/."""

import importlib.util
import os
import subprocess
import sys

from tests.conftest import ROOT

DATASETS = ROOT / "datasets"


def load(name):
    """Returns a script as a module, without defining its flags."""
    spec = importlib.util.spec_from_file_location(name, DATASETS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def command(name, *arguments):
    return [sys.executable, str(DATASETS / f"{name}.py"), *map(str, arguments)]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def run(name, *arguments):
    """Runs a script as a user does; returns exit code, output and messages."""
    return subprocess.run(
        command(name, *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
