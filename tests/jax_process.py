# Licensed under the Apache License, Version 2.0.
"""Runs code of the tests on the JAX backend, in a process without TensorFlow."""

import os
import pathlib
import subprocess
import sys

_BLOCK = """
import importlib, importlib.abc, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ImportError("tensorflow is blocked in this process")

sys.meta_path.insert(0, Block())
import keras
assert keras.backend.backend() == "jax"
importlib.import_module(sys.argv[1]).main(*sys.argv[2:])
assert "tensorflow" not in sys.modules
"""


def run_on_jax(module: str, *arguments) -> None:
    """Calls `main` of a module on JAX, with tensorflow blocked from import."""
    done = subprocess.run(
        [sys.executable, "-c", _BLOCK, module, *map(str, arguments)],
        # What is under test runs once, so that compiling it well does not pay.
        env=os.environ
        | {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        cwd=pathlib.Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
