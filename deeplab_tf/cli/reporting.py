# Licensed under the Apache License, Version 2.0.
"""How a command ends: with a result, or with one clear message."""

import errno
import logging
import os
import re
import sys
from collections.abc import Callable

from absl import app, flags
from absl import logging as absl_logging

log = logging.getLogger(__name__)

# Exit code after a signal: that of a program which the signal ended.
SIGNAL_CODES = {"SIGTERM": 143, "SIGINT": 130}

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# What TensorFlow puts around the message of tf.debugging.Assert.
_ASSERTION = re.compile(r"assertion failed: \[(.+?)\]\s", re.DOTALL)
# The same for tf.debugging.assert_all_finite, maybe behind the name of a function.
_NOT_FINITE = re.compile(r"^(?:.*\}\} )?([^\n{}]+) : Tensor had ", re.MULTILINE)


def run_main(function: Callable[..., None], *, takes_arguments: bool = False) -> None:
    """Runs a command under absl; bad input ends with a message and exit code 1.

    Args:
        function: the command, called once the flags are parsed.
        takes_arguments: whether it is called with what stands on the command line
            besides flags; otherwise that is an error.
    """

    def call(argv: list[str]) -> None:
        _set_up_logging()
        if len(argv) > 1 and not takes_arguments:
            fail(f"unexpected argument {argv[1]!r}: flags are written --name=value.")
        try:
            function(*([argv[1:]] if takes_arguments else []))
        except KeyboardInterrupt:
            fail("interrupted.", code=130)
        except Exception as error:
            if not is_bad_input(error):
                raise
            log.debug("The command failed.", exc_info=True)
            fail(describe(error))

    _describe_for_help(function)
    app.run(call)


def _describe_for_help(function: Callable[[], None]) -> None:
    """Lets --help show the command's own text and flags, which no script defines."""
    sys.modules["__main__"].__doc__ = sys.modules[function.__module__].__doc__
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        if module.startswith("deeplab_tf."):
            for flag in defined:
                flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def _set_up_logging() -> None:
    """Shows our own messages, and of the libraries' only warnings."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if not flags.FLAGS["verbosity"].present:
        absl_logging.set_verbosity(absl_logging.WARNING)
    ours = logging.getLogger("deeplab_tf")
    ours.setLevel(logging.INFO)
    ours.propagate = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    ours.handlers = [handler]


def is_bad_input(error: BaseException) -> bool:
    """Returns whether an exception speaks of the input, not of a fault in the code."""
    if isinstance(error, (ValueError, OSError, MemoryError)):
        return True
    if "tensorflow" not in sys.modules:
        return False
    errors = sys.modules["tensorflow"].errors
    kinds = (
        errors.DataLossError,
        errors.NotFoundError,
        errors.PermissionDeniedError,
        errors.ResourceExhaustedError,
        errors.UnknownError,
    )
    if isinstance(error, errors.InvalidArgumentError):
        # Inside tf.data and other graphs a check of ours ends as this.
        return _own_message(str(error)) is not None
    return isinstance(error, kinds)


def describe(error: BaseException) -> str:
    """Returns one paragraph for an exception, whatever its class puts in front."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        advice = " Make room on the disk." if error.errno in _DISK_FULL else ""
        return f"{place}{error.strerror}.{advice}"
    message = getattr(error, "message", None) or str(error)
    return _own_message(message) or message or type(error).__name__


def _own_message(message: str) -> str | None:
    """Returns what a check of ours said, out of TensorFlow's message around it."""
    found = _ASSERTION.search(message) or _NOT_FINITE.search(message)
    return found[1] if found else None


def fail(message: str, *, code: int = 1) -> None:
    """Prints a message on standard error and leaves with an exit code."""
    sys.stdout.flush()
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(code)
