# Licensed under the Apache License, Version 2.0.
"""Runs a command of deeplab_tf.cli in this process, as its script would."""

import contextlib
import dataclasses
import importlib
import io
import logging
import sys
from unittest import mock

from absl import flags

FLAGS = flags.FLAGS


@dataclasses.dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def run_command(name, *args):
    """Returns how `python <name>.py <args>` ends; a traceback is an exception here."""
    module = importlib.import_module(f"deeplab_tf.cli.{name}")
    out, err = io.StringIO(), io.StringIO()
    arguments = [f"{name}.py", *map(str, args)]
    with (
        fresh_flags(),
        kept_logging(),
        mock.patch.object(sys, "argv", arguments),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            module.main()
            code = 0
        except SystemExit as error:
            code = error.code or 0
    return Result(code=code, out=out.getvalue(), err=err.getvalue())


@contextlib.contextmanager
def parsed_flags(name, *args):
    """Defines and parses the flags of a command, and takes them away afterwards."""
    module = importlib.import_module(f"deeplab_tf.cli.{name}")
    with fresh_flags():
        module.define_flags()
        FLAGS([f"{name}.py", *map(str, args)])
        yield FLAGS


@contextlib.contextmanager
def fresh_flags():
    remove_flags()
    try:
        yield
    finally:
        remove_flags()


def remove_flags():
    for module, defined in FLAGS.flags_by_module_dict().items():
        if module.startswith("deeplab_tf."):
            for flag in list(defined):
                if flag.name in FLAGS:
                    delattr(FLAGS, flag.name)


@contextlib.contextmanager
def kept_logging():
    """Gives our logger and the root logger back as they were."""
    loggers = [logging.getLogger(), logging.getLogger("deeplab_tf")]
    kept = [(log.handlers[:], log.level, log.propagate) for log in loggers]
    try:
        yield
    finally:
        for log, (handlers, level, propagate) in zip(loggers, kept, strict=True):
            log.handlers[:] = handlers
            log.setLevel(level)
            log.propagate = propagate
