# Licensed under the Apache License, Version 2.0.
"""Released checkpoints by name: where they are, what is inside, what they score."""

import difflib

from deeplab_tf.checkpoints import (
    kazuto1011_zoo,
    model_garden,
    model_zoo,
    torchvision_zoo,
)
from deeplab_tf.checkpoints.published_checkpoint import PublishedCheckpoint

_PUBLISHED = {
    published.name: published
    for published in (
        *model_zoo.CHECKPOINTS,
        *torchvision_zoo.CHECKPOINTS,
        *kazuto1011_zoo.CHECKPOINTS,
        *model_garden.CHECKPOINTS,
    )
}


def list_pretrained() -> list[PublishedCheckpoint]:
    """Returns all released checkpoints, in the order of their publishers' tables."""
    return list(_PUBLISHED.values())


def get_published(name: str) -> PublishedCheckpoint:
    """Returns a released checkpoint by name.

    Raises:
        ValueError: there is none; the message lists those with a similar name.
    """
    if name in _PUBLISHED:
        return _PUBLISHED[name]
    lower = {known.lower(): known for known in _PUBLISHED}
    near = difflib.get_close_matches(name.lower(), lower, n=5, cutoff=0.5)
    near += [key for key in lower if name.lower() in key and key not in near]
    hint = f"near ones are {', '.join(lower[key] for key in near)}" if near else ""
    raise ValueError(
        f"There is no released checkpoint {name!r}; {hint or 'no name is near'}. "
        "train.py --list_pretrained lists them all."
    )
