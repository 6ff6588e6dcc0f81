# Licensed under the Apache License, Version 2.0.
"""--pretrained: a released checkpoint by name, in place of the path of one."""

import contextlib
from collections.abc import Iterator

from absl import flags as absl_flags

from deeplab_tf.checkpoints.published import get_published
from deeplab_tf.checkpoints.published_checkpoint import TFLITE, PublishedCheckpoint
from deeplab_tf.cli import flags
from deeplab_tf.cli.progress import Progress
from deeplab_tf.config.recipe import ModelConfig

_MEGABYTE = 1_000_000


def define() -> None:
    """Defines --pretrained, and where its file is looked for."""
    absl_flags.DEFINE_string(
        "pretrained",
        None,
        "Name of a released checkpoint, which is downloaded at first; train.py "
        "--list_pretrained lists them.",
    )
    absl_flags.DEFINE_string(
        "weights_dir",
        None,
        "Folder of released files; if not given $DEEPLAB_TF_CACHE, or deeplab_tf in "
        "the user's cache folder.",
    )
    absl_flags.DEFINE_boolean(
        "offline", False, "Leave the network alone: the file of --pretrained is there."
    )


def published() -> PublishedCheckpoint | None:
    """Returns what --pretrained names; None where it is not given.

    Raises:
        ValueError: there is no such checkpoint.
    """
    if not flags.is_given("pretrained"):
        return None
    return get_published(flags.FLAGS.pretrained)


def is_network_given(flag: str) -> bool:
    """Returns whether a checkpoint flag or --pretrained is given."""
    return bool(flags.value(flag)) or flags.is_given("pretrained")


def checkpoint(flag: str) -> str | None:
    """Returns the path of a checkpoint flag, or of the file of --pretrained.

    Args:
        flag: that takes the path of a checkpoint.

    Raises:
        ValueError: both are given, or there is no such checkpoint.
        OSError: it cannot be downloaded.
    """
    path = flags.value(flag)
    named = published()
    if named is None:
        return path
    if path:
        raise ValueError(f"Give --{flag} or --pretrained, not both.")
    return fetch(named)


def network_checkpoint(flag: str, *, runs_files: bool = False) -> str:
    """Does what `checkpoint` does for a command that needs a network that predicts.

    One of both flags is given.

    Args:
        flag: that takes the path of a checkpoint.
        runs_files: whether the command runs a TFLite file as it is.
    """
    named = published()
    # Before anything is downloaded.
    if named is not None and flags.is_given("recipe"):
        raise ValueError(
            f"--pretrained={named.name} says what its network is: leave --recipe out."
        )
    if named is not None and not (runs_files and named.format == TFLITE):
        named.network()
    path = checkpoint(flag)
    assert path
    return path


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """Lets a file that does not fit the network of --pretrained be told as such.

    Args:
        path: of the file.
    """
    from deeplab_tf.checkpoints.importer import WeightsMismatchError

    try:
        yield
    except WeightsMismatchError as error:
        named = published()
        if named is None:
            raise
        raise ValueError(
            f"{error}\n{path} is not {named.name}, or has come damaged: remove it and "
            f"{path}.sha256, and get it again."
        ) from error


def fetch(named: PublishedCheckpoint) -> str:
    """Returns the path of a released file, and shows how far its download is."""
    from deeplab_tf.checkpoints.download import download

    bars: list[Progress] = []

    def show(there: int, total: int | None) -> None:
        if not bars:
            size = total or _MEGABYTE * (named.size_megabytes or 0)
            bars.append(Progress(round(size / _MEGABYTE), unit="MB"))
        bars[0](there / _MEGABYTE, note=named.file_name)

    try:
        path = download(
            named,
            weights_dir=flags.FLAGS.weights_dir,
            offline=flags.FLAGS.offline,
            progress=show,
        )
    finally:
        for bar in bars:
            bar.close()
    return str(path)


def network() -> ModelConfig | None:
    """Returns the network of --pretrained; None where it is not given.

    Raises:
        ValueError: no network is built for it.
    """
    named = published()
    return None if named is None else named.base_network()
