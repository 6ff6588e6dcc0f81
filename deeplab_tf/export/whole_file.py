# Licensed under the Apache License, Version 2.0.
"""Files that are there whole or not at all."""

import os
import pathlib


def write_whole(path: pathlib.Path, content: bytes) -> None:
    """Writes a file beside its place and moves it there when it is complete.

    Args:
        path: the file; its folder is made if it does not exist.
        content: all of it.

    Raises:
        OSError: the disk is full, or the folder cannot be written; what stood there
            before is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        raise OSError(
            f"{path} could not be written: {error.strerror}. Make room on the disk, or "
            "give another path."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
