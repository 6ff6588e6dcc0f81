# Licensed under the Apache License, Version 2.0.
"""How a command ends: with a result, or with one clear message."""

import logging
import sys
from collections.abc import Callable

from absl import app

log = logging.getLogger(__name__)


def run_main(function: Callable[[], None]) -> None:
    """Runs a command under absl; bad input ends with a message and exit code 1.

    Args:
        function: the command, called without arguments once the flags are parsed.
    """

    def call(argv: list[str]) -> None:
        if len(argv) > 1:
            fail(f"unexpected argument {argv[1]!r}: flags are written --name=value.")
        try:
            function()
        except KeyboardInterrupt:
            fail("interrupted.", code=130)
        except (ValueError, OSError, MemoryError) as error:
            log.debug("The command failed.", exc_info=True)
            fail(describe(error))

    app.run(call)


def describe(error: BaseException) -> str:
    """Returns one paragraph for an exception, whatever its class puts in front."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    return str(error) or type(error).__name__


def fail(message: str, *, code: int = 1) -> None:
    """Prints a message on standard error and leaves with an exit code."""
    sys.stdout.flush()
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(code)
