# Licensed under the Apache License, Version 2.0.
"""New checkpoints of a training that is under way, or of one that will be."""

import logging
import os
import re
import time
from collections.abc import Iterator

from deeplab_tf.checkpoints.readers import is_checkpoint, read_state_file

log = logging.getLogger(__name__)


def watch_checkpoints(
    folder: str | os.PathLike[str],
    *,
    interval_seconds: float = 300.0,
    timeout_seconds: float | None = None,
    final_step: int | None = None,
) -> Iterator[str]:
    """Yields the latest checkpoint of a folder each time there is a new one.

    Checkpoints that came and were followed by others while the caller was busy are
    passed over, as the original's evaluation does.

    Args:
        folder: holds `model.ckpt-<step>` files and the `checkpoint` state file; may
            not exist yet.
        interval_seconds: least time between the starts of two evaluations, and how
            often the folder is looked at.
        timeout_seconds: ends when there was no new checkpoint for so long; None waits
            for ever.
        final_step: ends after the checkpoint of this step or a later one.

    Yields:
        Prefixes of checkpoints.
    """
    if interval_seconds <= 0:
        raise ValueError(f"interval_seconds must be positive, got {interval_seconds}.")
    last = None
    waiting_since = time.monotonic()
    while True:
        looked_at = time.monotonic()
        prefix = read_state_file(folder)
        if prefix is not None and prefix != last and is_checkpoint(prefix):
            last = prefix
            yield prefix
            step = checkpoint_step(prefix)
            if final_step is not None and step is not None and step >= final_step:
                return
            waiting_since = time.monotonic()
        now = time.monotonic()
        pause = looked_at + interval_seconds - now
        if timeout_seconds is not None:
            left = waiting_since + timeout_seconds - now
            if left <= 0:
                log.info("No new checkpoint in %s for %s s.", folder, timeout_seconds)
                return
            pause = min(pause, left)
        if pause > 0:
            time.sleep(pause)


def checkpoint_step(prefix: str) -> int | None:
    """Returns the step in a checkpoint's name, `model.ckpt-<step>`; None without one.

    Args:
        prefix: the checkpoint's path without `.index`.
    """
    found = re.search(r"-(\d+)$", os.path.basename(prefix))
    return int(found.group(1)) if found else None
