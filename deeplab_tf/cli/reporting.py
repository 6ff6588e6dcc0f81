# Licensed under the Apache License, Version 2.0.
"""How a command ends: with a result, or with one clear message."""

import logging
import os
import sys
from collections.abc import Callable

from absl import app, flags
from absl import logging as absl_logging

log = logging.getLogger(__name__)


def run_main(function: Callable[[], None]) -> None:
    """Runs a command under absl; bad input ends with a message and exit code 1.

    Args:
        function: the command, called without arguments once the flags are parsed.
    """

    def call(argv: list[str]) -> None:
        _set_up_logging()
        if len(argv) > 1:
            fail(f"unexpected argument {argv[1]!r}: flags are written --name=value.")
        try:
            function()
        except KeyboardInterrupt:
            fail("interrupted.", code=130)
        except Exception as error:
            if not isinstance(error, _bad_input()):
                raise
            log.debug("The command failed.", exc_info=True)
            fail(describe(error))

    app.run(call)


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


def _bad_input() -> tuple[type[BaseException], ...]:
    """Returns the exceptions that speak of the input, not of a fault in the code."""
    kinds = (ValueError, OSError, MemoryError)
    if "tensorflow" not in sys.modules:
        return kinds
    errors = sys.modules["tensorflow"].errors
    return (
        *kinds,
        errors.DataLossError,
        errors.NotFoundError,
        errors.PermissionDeniedError,
        errors.ResourceExhaustedError,
        errors.UnknownError,
    )


def describe(error: BaseException) -> str:
    """Returns one paragraph for an exception, whatever its class puts in front."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    message = getattr(error, "message", None) or str(error)
    return message or type(error).__name__


def fail(message: str, *, code: int = 1) -> None:
    """Prints a message on standard error and leaves with an exit code."""
    sys.stdout.flush()
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(code)
