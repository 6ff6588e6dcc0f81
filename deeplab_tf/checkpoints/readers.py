# Licensed under the Apache License, Version 2.0.
"""Foreign files as name -> array, read when asked for."""

import contextlib
import glob
import importlib
import logging
import os
import pathlib
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np

from deeplab_tf.checkpoints.tensor_reader import TensorReader

log = logging.getLogger(__name__)

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
# An archive of the zoo holds 0.5 GB; more than this is no checkpoint.
MAX_UNPACKED_BYTES = 8 << 30

# Ending of files that hold all in one -> (module, reader): imported when one is read.
SINGLE_FILES = {
    ".pb": ("deeplab_tf.checkpoints.frozen_graph_reader", "FrozenGraphReader"),
    ".tflite": ("deeplab_tf.checkpoints.tflite_reader", "TFLiteReader"),
    ".keras": ("deeplab_tf.checkpoints.keras_file", "KerasFileReader"),
    ".pth": ("deeplab_tf.checkpoints.torch_reader", "TorchReader"),
    ".pt": ("deeplab_tf.checkpoints.torch_reader", "TorchReader"),
    ".h5": ("deeplab_tf.checkpoints.keras_applications", "KerasWeightsReader"),
}

_CAFFE = ".caffemodel"

_RUN_CHECKPOINT = re.compile(r"model\.ckpt-(\d+)\.index$")

# How a file in TensorFlow's table format ends, which V1 checkpoints have.
_TABLE_END = bytes.fromhex("57fb808b247547db")


class CheckpointReader(TensorReader):
    """The tensors of a TensorFlow checkpoint by name; values are read lazily.

    Args:
        prefix: path of the checkpoint without `.index`, or of a V1 checkpoint.

    Raises:
        ValueError: there is no such checkpoint, or its files are damaged.
    """

    def __init__(self, prefix: str):
        import tensorflow as tf

        self.path = prefix
        is_single = not os.path.isfile(f"{prefix}.index") and is_single_file(prefix)
        data = f"{glob.escape(prefix)}.data-*"
        if os.path.isfile(f"{prefix}.index") and not glob.glob(data):
            raise ValueError(
                f"{prefix} has no data: {os.path.basename(prefix)}.index is there, and "
                f"{os.path.basename(prefix)}.data-00000-of-00001 beside it is missing."
            )
        try:
            # TensorFlow takes the name of a V1 checkpoint for a pattern.
            name = glob.escape(prefix) if is_single else prefix
            self._reader = tf.train.load_checkpoint(name)
        except _read_errors() as error:
            advice = (
                "It may be cut short or changed: get it again."
                if is_single
                else "A checkpoint is a pair of files, <prefix>.index and "
                "<prefix>.data-00000-of-00001."
            )
            raise ValueError(
                f"{prefix} cannot be read as a TensorFlow checkpoint: {error}. {advice}"
            ) from error
        self.shapes = {
            name: tuple(shape)
            for name, shape in self._reader.get_variable_to_shape_map().items()
        }

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.shapes:
            raise KeyError(name)
        try:
            return np.asarray(self._reader.get_tensor(name))
        except _read_errors() as error:
            raise ValueError(
                f"{self.path}: the value of {name} cannot be read: the data file is "
                f"damaged or cut short. ({error})"
            ) from error


def _read_errors() -> tuple[type[Exception], ...]:
    """Returns what TensorFlow's reader raises, each for another kind of damage."""
    import tensorflow as tf

    return (tf.errors.OpError, IndexError, RuntimeError, ValueError)


@contextlib.contextmanager
def open_checkpoint(path: str | os.PathLike[str]) -> Iterator[TensorReader]:
    """Opens a checkpoint, wherever it lies.

    Args:
        path: a prefix (`model.ckpt-30000`), one of its files, the single file of a V1
            checkpoint, a folder, or an archive (.tar.gz, .tgz, .tar, .zip), which is
            unpacked into a temporary folder; or one of the single files of
            `SINGLE_FILES`.

    Yields:
        The reader.

    Raises:
        ValueError: nothing there can be read as a checkpoint.
    """
    text = os.fspath(path)
    if text.endswith(ARCHIVES) and os.path.isfile(text):
        with tempfile.TemporaryDirectory(prefix="deeplab_tf-") as folder:
            unpack(text, folder)
            try:
                prefix = find_prefix(folder)
            except ValueError as error:
                message = str(error).replace(folder, "the archive")
                raise ValueError(f"{text}: {message}") from error
            if (
                not pathlib.Path(prefix)
                .resolve()
                .is_relative_to(pathlib.Path(folder).resolve())
            ):
                raise ValueError(f"{text} names {prefix}, which is outside of it.")
            yield open_reader(prefix)
    else:
        yield open_reader(find_prefix(text))


def open_reader(path: str) -> TensorReader:
    """Returns the reader of the checkpoint that `find_prefix` found."""
    for ending, (module, name) in SINGLE_FILES.items():
        if path.endswith(ending) and os.path.isfile(path):
            return getattr(importlib.import_module(module), name)(path)
    return CheckpointReader(path)


def find_prefix(path: str | os.PathLike[str]) -> str:
    """Returns the prefix of the checkpoint at `path`; of a single file, its path.

    In a folder the `checkpoint` state file decides; without one, an index file is
    searched for, below it too, and after it a V1 checkpoint (`*.ckpt`): the released
    archives all name theirs differently. Of a run's `model.ckpt-<step>` without a state
    file, the highest step is taken. A folder without any checkpoint may hold one of the
    single files of `SINGLE_FILES`.

    Raises:
        ValueError: there is none, or several and nothing says which.
    """
    text = os.fspath(path)
    if os.path.isfile(text + ".index"):
        return text
    if text.endswith(".index") and os.path.isfile(text):
        return text.removesuffix(".index")
    stem, _, _ = text.rpartition(".data-")
    if stem and os.path.isfile(stem + ".index"):
        return stem
    if is_single_file(text):
        return text
    if text.endswith(tuple(SINGLE_FILES)) and os.path.isfile(text):
        return text
    if text.endswith(_CAFFE) and os.path.isfile(text):
        raise ValueError(
            f"{text} is a file of Caffe, which is not read here: no package that is "
            "still kept reads one. kazuto1011/deeplab-pytorch has the weights of "
            "DeepLabv2 on ResNet-101 as a .pth file, and its convert.py makes .pth "
            "files of init.caffemodel and train2_iter_20000.caffemodel without Caffe; "
            "those are read here. For VGG-16 take slim's or keras.applications'."
        )
    if os.path.isfile(text):
        raise ValueError(
            f"{text} is no TensorFlow checkpoint: there is no {text}.index beside it, "
            "and it is not a V1 checkpoint, which is a single file. It may be cut "
            "short: get it again. Files of other kinds are known by their ending: "
            f"{', '.join(SINGLE_FILES)}."
        )
    if not os.path.isdir(text):
        raise ValueError(
            f"There is no checkpoint at {text}: expected a prefix with {text}.index "
            "beside it, the single file of a V1 checkpoint, a folder, an archive "
            f"({', '.join(ARCHIVES)}), or another file ({', '.join(SINGLE_FILES)})."
        )
    return _find_in_folder(pathlib.Path(text))


def is_checkpoint(prefix: str | os.PathLike[str]) -> bool:
    """Returns whether a path is the prefix of a checkpoint, or a V1 checkpoint."""
    return os.path.isfile(f"{os.fspath(prefix)}.index") or is_single_file(prefix)


def is_single_file(path: str | os.PathLike[str]) -> bool:
    """Returns whether a path is a V1 checkpoint, a single file in table format.

    The index of a newer checkpoint has that format, too.
    """
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(_TABLE_END)))
        return file.read() == _TABLE_END


def _find_in_folder(folder: pathlib.Path) -> str:
    state = _state_prefix(folder)
    if state is not None:
        return state
    steps = {
        int(match[1]): path
        for path in folder.glob("*.index")
        if (match := _RUN_CHECKPOINT.match(path.name))
    }
    if steps:
        return str(steps[max(steps)].with_suffix(""))
    found = [path.with_suffix("") for path in sorted(folder.rglob("*.index"))]
    if not found:
        found = [f for f in sorted(folder.rglob("*.ckpt*")) if is_single_file(f)]
    for ending in SINGLE_FILES:
        if not found:
            found = sorted(folder.rglob(f"*{ending}"))
    if not found:
        raise ValueError(
            f"There is no checkpoint (*.index or *.ckpt) in {folder}, and no other "
            f"file of weights ({', '.join(SINGLE_FILES)})."
        )
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found)
        raise ValueError(
            f"{folder} holds several checkpoints and no `checkpoint` file that names "
            f"one of them: give the path of one of {names}."
        )
    return str(found[0])


def _state_prefix(folder: pathlib.Path) -> str | None:
    """Returns the latest checkpoint that a folder's state file names, if any."""
    state = folder / "checkpoint"
    if not state.is_file():
        return None
    named = read_state_file(folder)
    if named is None:
        return None
    path = pathlib.Path(named)
    # A folder that was moved may name the place where it was written.
    for prefix in (folder / path.name, path):
        if is_checkpoint(prefix):
            return str(prefix)
    return None


def read_state_file(folder: str | os.PathLike[str]) -> str | None:
    """Returns the latest checkpoint that a folder's `checkpoint` file names.

    Args:
        folder: of the checkpoints.

    Returns:
        Its prefix, whether or not it is there; None where there is no such file, or
        where it names nothing: somebody may be about to write it.
    """
    import tensorflow as tf

    try:
        state = tf.train.get_checkpoint_state(str(folder))
    except ValueError as error:
        log.info("%s", error)
        return None
    return None if state is None else state.model_checkpoint_path


def unpack(archive: str | os.PathLike[str], folder: str | os.PathLike[str]) -> None:
    """Unpacks an archive: plain files only, none outside `folder`, bounded in size.

    Raises:
        ValueError: the archive is damaged, too large, or holds a path that leads
            outside; nothing else is written then.
    """
    target = pathlib.Path(folder).resolve()
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                for info in zipped.infolist():
                    if not info.is_dir():
                        destination = _destination(target, info.filename, archive)
                        with zipped.open(info) as source:
                            _copy(source, destination, target, archive)
            return
        with tarfile.open(archive) as tarred:
            for member in tarred:
                if member.isdir():
                    continue
                if not member.isfile():
                    raise ValueError(
                        f"{archive} holds {member.name}, which is a link or a device; "
                        "only plain files are unpacked."
                    )
                destination = _destination(target, member.name, archive)
                content = tarred.extractfile(member)
                assert content is not None
                with content:
                    _copy(content, destination, target, archive)
    except (
        *(tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError),
        # zipfile: an encrypted member, an unknown compression.
        RuntimeError,
    ) as error:
        raise ValueError(
            f"{archive} cannot be unpacked: {error}. It may be cut short: get it again."
        ) from error


def _destination(
    target: pathlib.Path, name: str, archive: str | os.PathLike[str]
) -> pathlib.Path:
    destination = (target / name).resolve()
    if not destination.is_relative_to(target):
        raise ValueError(f"{archive} holds {name}, which leads outside its folder.")
    return destination


def _copy(
    source: IO[bytes],
    destination: pathlib.Path,
    target: pathlib.Path,
    archive: str | os.PathLike[str],
) -> None:
    unpacked = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
    destination.parent.mkdir(parents=True, exist_ok=True)
    with destination.open("wb") as file:
        while chunk := source.read(1 << 20):
            unpacked += len(chunk)
            if unpacked > MAX_UNPACKED_BYTES:
                shutil.rmtree(target, ignore_errors=True)
                raise ValueError(
                    f"{archive} unpacks to more than {MAX_UNPACKED_BYTES >> 30} GB."
                )
            file.write(chunk)
