# Licensed under the Apache License, Version 2.0.
"""Names and byte offsets of record files, so that any example can be read alone."""

import dataclasses
import os
import pathlib
import re
import struct
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_SHARD = re.compile(r"^(?P<split>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(\..+)?$")
# A record is its length (8 bytes), the checksum of that (4), data, checksum (4).
_HEADER_BYTES = 12
FRAME_BYTES = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordIndex:
    """Where each record of a list of files begins.

    Attributes:
        files: paths.
        file_of: int32 [N], for each record the position of its file in `files`.
        offset_of: int64 [N], for each record its first byte in that file.
    """

    files: tuple[str, ...]
    file_of: np.ndarray
    offset_of: np.ndarray

    def read(self, index: tf.Tensor) -> tf.data.Dataset:
        """Returns a data set of one record, a serialised example."""
        # The file reader checks the length and both checksums of the record.
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=[tf.gather(tf.constant(self.files), self._file(index))],
            compression_type="",
            buffer_size=tf.constant(0, tf.int64),
            byte_offsets=[tf.gather(tf.constant(self.offset_of), index)],
        )
        spec = tf.TensorSpec([], tf.string)
        return tf.data.experimental.from_variant(variant, spec).take(1)

    def place(self, index: tf.Tensor) -> tf.Tensor:
        """Returns in words where a record lies, a scalar string."""
        offset = tf.strings.as_string(tf.gather(tf.constant(self.offset_of), index))
        name = tf.gather(tf.constant(self.files), self._file(index))
        return tf.strings.join([name, ", record at byte ", offset])

    def _file(self, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.constant(self.file_of), index)


def shard_name(split: str, *, shard: int, num_shards: int) -> str:
    """Returns the file name of a shard, that of research/deeplab."""
    return f"{split}-{shard:05d}-of-{num_shards:05d}.tfrecord"


def find_record_files(data_dir: str | os.PathLike, *, split: str) -> tuple[str, ...]:
    """Returns the paths of all shards of a split, in order.

    Where Cityscapes' `train` is not there, `train_fine` is meant, and the other way
    round: builders and documentation of research/deeplab do not agree.

    Raises:
        FileNotFoundError: the folder, the split or one of its shards is not there.
        ValueError: shards of two builds lie side by side.
    """
    folder = pathlib.Path(data_dir)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is no folder: expected the TFRecords that a script of datasets/ "
            "has written."
        )
    shards: dict[str, dict[int, dict[int, str]]] = {}
    for path in sorted(folder.iterdir()):
        match = _SHARD.match(path.name)
        if match and path.is_file():
            counts = shards.setdefault(match["split"], {})
            numbers = counts.setdefault(int(match["count"]), {})
            numbers[int(match["number"])] = str(path)
    split = next((name for name in _names(split) if name in shards), split)
    if split not in shards:
        known = ", ".join(shards) or "no records at all"
        raise FileNotFoundError(
            f"{folder} holds no records of split {split!r} "
            f"({split}-00000-of-?????.tfrecord); it holds {known}."
        )
    if len(shards[split]) > 1:
        counts_text = " and ".join(str(count) for count in sorted(shards[split]))
        raise ValueError(
            f"{folder} holds split {split!r} in {counts_text} shards, from two builds: "
            "delete the files of the older one."
        )
    ((count, numbers),) = shards[split].items()
    if missing := [number for number in range(count) if number not in numbers]:
        raise FileNotFoundError(
            f"{folder} lacks {len(missing)} of the {count} shards of split {split!r}, "
            f"the first being {shard_name(split, shard=missing[0], num_shards=count)}: "
            "build or copy the records again."
        )
    return tuple(numbers[number] for number in range(count))


def _names(split: str) -> tuple[str, ...]:
    """Returns how a split may be called, its own name first."""
    return (split, f"{split}_fine", split.removesuffix("_fine"))


def index_records(files: Sequence[str]) -> RecordIndex:
    """Returns where each record begins; reads the lengths only.

    Raises:
        ValueError: a file ends inside a record, or no file holds any.
    """
    offsets = [_record_offsets(path) for path in files]
    if not any(offsets):
        raise ValueError(f"{', '.join(files)}: no record in it. Build them again.")
    numbers = [len(positions) for positions in offsets]
    return RecordIndex(
        files=tuple(files),
        file_of=np.repeat(np.arange(len(files), dtype=np.int32), numbers),
        offset_of=np.array([p for positions in offsets for p in positions], np.int64),
    )


def _record_offsets(path: str) -> list[int]:
    """Returns the byte offsets of the records of one file."""
    size = os.path.getsize(path)
    offsets = []
    position = 0
    with open(path, "rb") as file:
        while position < size:
            file.seek(position)
            header = file.read(_HEADER_BYTES)
            end = size + 1
            if len(header) == _HEADER_BYTES:
                end = position + FRAME_BYTES + struct.unpack("<Q", header[:8])[0]
            if end > size:
                raise ValueError(
                    f"{path} is truncated or no TFRecord file: its record at byte "
                    f"{position} is not complete, the file ends at byte {size}. Build "
                    "or copy the records again."
                )
            offsets.append(position)
            position = end
    return offsets
