# Licensed under the Apache License, Version 2.0.
"""Loads and runs the scripts of datasets/."""

import contextlib
import importlib.util
import io
import os
import runpy
import subprocess
import sys
from unittest import mock

import numpy as np
from absl import app

from deeplab_tf.config.data import DataConfig
from deeplab_tf.data import pipeline, sources
from tests.cli.command import FLAGS, Result, fresh_flags, kept_logging
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


def run_here(name, *arguments):
    """Runs a script as a user does, but here; a traceback is an exception."""
    app.define_help_flags()
    before = set(FLAGS)
    out, err = io.StringIO(), io.StringIO()
    with (
        fresh_flags(),
        kept_logging(),
        mock.patch.object(sys, "argv", [f"{name}.py", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            runpy.run_path(str(DATASETS / f"{name}.py"), run_name="__main__")
            code = 0
        except SystemExit as error:
            code = error.code or 0
        finally:
            for flag in set(FLAGS) - before:
                delattr(FLAGS, flag)
    return Result(code=code, out=out.getvalue(), err=err.getvalue())


def read_split(folder, split):
    """Returns the examples of records by name."""
    source = sources.tfrecord_source(folder, split=split)
    examples = pipeline.eval_dataset(source, DataConfig()).as_numpy_iterator()
    return {example["image_name"].decode(): example for example in examples}


def label_pixels(example):
    """Returns how many pixels each id has in an example."""
    ids, counts = np.unique(example["labels"], return_counts=True)
    return {str(i): int(n) for i, n in zip(ids, counts, strict=True)}
