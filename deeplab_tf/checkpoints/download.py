# Licensed under the Apache License, Version 2.0.
"""Gets released checkpoints into a folder, and sees to it that they stay the same.

Google publishes no checksum of its archives. So the checksum of a file is kept beside
it when it is first seen, and every later use compares with it: what was trusted once
cannot change unseen. torchvision's names hold the first digits of theirs.
"""

import contextlib
import hashlib
import logging
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator, Sequence

from deeplab_tf.checkpoints import readers, transfer
from deeplab_tf.checkpoints.published_checkpoint import TFLITE, PublishedCheckpoint
from deeplab_tf.checkpoints.transfer import Progress, TransferError

log = logging.getLogger(__name__)

# Folder of the files, and an address that is asked in place of the published ones.
CACHE_VARIABLE = "DEEPLAB_TF_CACHE"
MIRROR_VARIABLE = "DEEPLAB_TF_MIRROR"

_KEPT = re.compile(r"([0-9a-f]{64})(?:\s|$)")
# How a TFLite file begins, after four bytes.
_TFLITE_MARK = b"TFL3"


class DownloadError(OSError):
    """A released file is not there; the message says what can be done about it."""


def weights_folder(folder: str | os.PathLike[str] | None = None) -> pathlib.Path:
    """Returns where released files are kept.

    Args:
        folder: None is $DEEPLAB_TF_CACHE; without it `deeplab_tf` in $XDG_CACHE_HOME,
            which is ~/.cache where it is not set.
    """
    if folder:
        return pathlib.Path(folder).expanduser()
    if cache := os.environ.get(CACHE_VARIABLE):
        return pathlib.Path(cache).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(home).expanduser() / "deeplab_tf"


def download(
    published: PublishedCheckpoint,
    *,
    weights_dir: str | os.PathLike[str] | None = None,
    offline: bool = False,
    mirror: str | None = None,
    progress: Progress | None = None,
) -> pathlib.Path:
    """Returns the path of a released file, which is fetched if it is not there yet.

    Args:
        published: of `published.get_published`.
        weights_dir: folder of the files; see `weights_folder`.
        offline: whether the network is left alone.
        mirror: address of a folder with the files, which is asked in place of the
            published addresses; None is $DEEPLAB_TF_MIRROR. It may be plain http.
        progress: is called with the bytes that are there, and with those that there
            will be, where that is known.

    Raises:
        DownloadError: it is not there, and cannot be fetched.
        ValueError: it is not the file that it was, or damaged.
    """
    folder = weights_folder(weights_dir)
    path = folder / published.file_name
    if path.is_file():
        verify(path, published)
        return path
    if offline:
        raise DownloadError(
            f"{published.file_name} is not in {folder}, and the network is left alone "
            f"(--offline): get {published.urls[0]} elsewhere and put it there under "
            "this name, or name the folder that has it (--weights_dir)."
        )
    mirror = mirror or os.environ.get(MIRROR_VARIABLE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _held_partial(path) as partial:
            if partial is not None:
                _fetch_any(published, path, partial, mirror, progress)
                return path
    except TransferError as error:
        raise DownloadError(_advice(published, folder, [error])) from error
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(
            f"{folder} cannot be written: {error.strerror}. Name another folder "
            f"(--weights_dir) for {published.file_name} of {published.urls[0]}."
        ) from error
    # Another process has fetched it.
    verify(path, published)
    return path


def _fetch_any(
    published: PublishedCheckpoint,
    path: pathlib.Path,
    partial: pathlib.Path,
    mirror: str | None,
    progress: Progress | None,
) -> None:
    """Fetches a file from the first address that gives it, and puts it in its place."""
    kept = published.sha256 or _kept_checksum(path)
    urls = published.urls
    if mirror:
        urls = (f"{mirror.rstrip('/')}/{published.file_name}",)
    allow_http = mirror is not None or kept is not None
    failures = []
    for url in urls:
        was_begun = partial.stat().st_size > 0
        try:
            transfer.fetch(url, partial, allow_http=allow_http, progress=progress)
            try:
                digest = _check_content(partial, published, kept=kept, name=url)
            except ValueError:
                transfer.forget(partial)
                if not was_begun:
                    raise
                # The part that was there may have been of something else.
                transfer.fetch(url, partial, allow_http=allow_http, progress=progress)
                digest = _check_content(partial, published, kept=kept, name=url)
        except transfer.DiskError:
            raise
        except TransferError as error:
            log.info("%s", error)
            failures.append(error)
            continue
        _keep_checksum(path, digest)
        os.replace(partial, path)
        return
    raise DownloadError(_advice(published, path.parent, failures))


def _advice(
    published: PublishedCheckpoint,
    folder: pathlib.Path,
    failures: Sequence[OSError],
) -> str:
    reasons = "".join(f"\n  {failure}." for failure in failures)
    return (
        f"{published.file_name} of {published.name} could not be downloaded:{reasons}\n"
        f"Get it elsewhere and put it into {folder} under this name, name a folder "
        f"that has it (--weights_dir), or another server ({MIRROR_VARIABLE}). The same "
        "command goes on from what has come so far."
    )


def verify(path: pathlib.Path, published: PublishedCheckpoint) -> str:
    """Returns the SHA-256 of a file that is what it was when it was first seen.

    The first time the file itself is looked at and its checksum kept beside it.

    Args:
        path: of the file.
        published: what it should be.

    Raises:
        ValueError: the file is another one, or damaged.
    """
    kept = published.sha256 or _kept_checksum(path)
    digest = _check_content(path, published, kept=kept, name=str(path))
    if _kept_checksum(path) is None:
        _keep_checksum(path, digest)
    return digest


def _check_content(
    path: pathlib.Path, published: PublishedCheckpoint, *, kept: str | None, name: str
) -> str:
    """Returns the SHA-256 of a file after it was compared with what is known of it."""
    digest = checksum(path)
    expected = kept or published.sha256_prefix
    if expected and not digest.startswith(expected):
        beside = checksum_file(path.with_name(published.file_name))
        since = (
            f"It was kept in {beside} when the file was first seen: remove that file, "
            "too, if the new one shall be trusted."
            if kept and kept != published.sha256
            else "It is the one that was published."
        )
        raise ValueError(
            f"{name} is not the file that it should be: its SHA-256 is {digest}, and "
            f"{expected} was expected. {since} Otherwise remove the file and get it "
            "again."
        )
    if kept is None:
        _check_readable(path, published, name)
    return digest


def _check_readable(
    path: pathlib.Path, published: PublishedCheckpoint, name: str
) -> None:
    """Raises ValueError unless a file that was never seen can be read to its end."""
    if published.file_name.endswith(readers.ARCHIVES):
        with tempfile.TemporaryDirectory(prefix="deeplab_tf-") as folder:
            files = pathlib.Path(folder) / "files"
            readers.unpack(path, files)
            with _naming(files, name), readers.open_checkpoint(files):
                return
    with path.open("rb") as file:
        start = file.read(8)
    if published.format == TFLITE and start[4:] != _TFLITE_MARK:
        raise ValueError(f"{name} is no TFLite file: get it again.")


@contextlib.contextmanager
def _naming(folder: pathlib.Path, name: str) -> Iterator[None]:
    """Lets errors name an archive instead of the folder where it is unpacked."""
    try:
        yield
    except ValueError as error:
        message = str(error).replace(str(folder), "it")
        raise ValueError(
            f"{name} holds no checkpoint that can be read: {message} Get it again."
        ) from error


def checksum(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_file(path: pathlib.Path) -> pathlib.Path:
    """Returns where the checksum of a file is kept, as `sha256sum -c` reads it."""
    return path.with_name(f"{path.name}.sha256")


def _kept_checksum(path: pathlib.Path) -> str | None:
    source = checksum_file(path)
    try:
        text = source.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return None
    match = _KEPT.match(text)
    if match is None:
        raise ValueError(
            f"{source} holds no SHA-256: remove it, and the checksum of the file is "
            "kept anew."
        )
    return match[1]


def _keep_checksum(path: pathlib.Path, digest: str) -> None:
    target = checksum_file(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        partial.write_text(f"{digest}  {path.name}\n", "utf-8")
        os.replace(partial, target)
        log.info("The checksum of %s, %s, is kept beside it.", path, digest)
    except OSError as error:
        # As in a folder of all users, which one alone may write.
        log.warning("%s cannot be written: %s.", target, error.strerror)
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _held_partial(path: pathlib.Path) -> Iterator[pathlib.Path | None]:
    """Holds the partial file of a path, while other processes wait.

    Yields:
        The partial file; None where another process has fetched the file meanwhile.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        import fcntl
    except ImportError:  # Windows: each process has a part of its own.
        own = partial.with_name(f"{partial.name}-{os.getpid()}")
        own.touch()
        yield None if path.is_file() else own
        return
    while True:
        with partial.open("ab") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("Another process is downloading %s: waiting.", path.name)
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError as error:
                log.debug("%s cannot be locked: %s", partial, error)
            if not _is_same(handle.fileno(), partial):
                continue  # The one that held it has moved it away.
            try:
                yield None if path.is_file() else partial
            finally:
                if not partial.exists() or partial.stat().st_size == 0:
                    transfer.forget(partial, file_too=True)
            return


def _is_same(handle: int, path: pathlib.Path) -> bool:
    """Returns whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
