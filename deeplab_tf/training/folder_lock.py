# Licensed under the Apache License, Version 2.0.
"""One run at a time in a folder."""

import contextlib
import logging
import os
import pathlib
from collections.abc import Iterator

log = logging.getLogger(__name__)


@contextlib.contextmanager
def lock_folder(folder: str | os.PathLike) -> Iterator[None]:
    """Holds a folder for this run; the system lets go of it when the process ends.

    So the lock of a killed run is in nobody's way, and no file is left. Where the
    system or the file system knows no such locks, nothing is held.

    Args:
        folder: made if absent.

    Raises:
        ValueError: another run holds the folder.
    """
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows.
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"Another training is running in {folder}: wait for its end, or give "
                "this one another folder (--train_logdir)."
            ) from None
        except OSError as error:
            log.debug("%s cannot be locked: %s", folder, error)
        yield
    finally:
        os.close(handle)
