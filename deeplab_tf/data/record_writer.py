# Licensed under the Apache License, Version 2.0.
"""Writes sharded records in parallel, so that no unfinished one can be mistaken.

Shards grow in `<output_dir>/.partial`, beside a JSON file that says what went into
them. Only when every example of every split has proved valid do they move to
`<output_dir>`. A build that fails or is killed leaves no record there, and the next
one takes over the finished shards whose inputs have not changed.
"""

import collections
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any

import tensorflow as tf

from deeplab_tf.data import dataset_json, text_files
from deeplab_tf.data.catalog.dataset_info import DatasetInfo
from deeplab_tf.data.label_audit import LabelFrequencies, no_frequencies
from deeplab_tf.data.record_files import FRAME_BYTES, shard_name

PARTIAL_FOLDER = ".partial"
MAX_LISTED_PROBLEMS = 20
_VERSION = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncodedExample:
    """One example, ready to be written.

    Attributes:
        record: the serialised example.
        frequencies: of its labels.
        notes: what a person should know about its files.
    """

    record: bytes
    frequencies: LabelFrequencies
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordItem:
    """One example that is to be written.

    Attributes:
        fingerprint: changes with all that the record depends on.
        encode: makes the record; runs in a thread. A ValueError or OSError is a
            problem of this example, listed with the others.
    """

    fingerprint: str
    encode: Callable[[], EncodedExample]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a build did.

    Attributes:
        frequencies: of the labels of each split.
        notes: what a person should know about the files.
        reused_shards: how many shards an earlier build had finished.
    """

    frequencies: dict[str, LabelFrequencies]
    notes: tuple[str, ...]
    reused_shards: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Shard:
    """A file to be written, and where."""

    split: str
    name: str
    items: tuple[RecordItem, ...]
    output_dir: pathlib.Path
    fingerprint: str

    @property
    def final(self) -> pathlib.Path:
        return self.output_dir / self.name

    @property
    def partial(self) -> pathlib.Path:
        # Not *.tfrecord: nobody shall take it for a finished one.
        return self.output_dir / PARTIAL_FOLDER / f"{self.name}.partial"

    @property
    def summary(self) -> pathlib.Path:
        return self.output_dir / PARTIAL_FOLDER / f"{self.name}.json"


def write_records(
    splits: Mapping[str, Sequence[RecordItem]],
    *,
    output_dir: str | os.PathLike,
    info: DatasetInfo,
    num_shards: int = 4,
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BuildReport:
    """Writes the records of some splits and `dataset.json`.

    Args:
        splits: examples per split.
        output_dir: folder, made if absent.
        info: the data set.
        num_shards: files per split.
        num_workers: threads; None is one per processor.
        progress: is told (examples done, all examples).

    Raises:
        ValueError: a split is empty or examples have problems. All are named, up to
            `MAX_LISTED_PROBLEMS`; no record is published.
        OSError: the disk is full or not writable; finished shards are kept.
    """
    if num_shards < 1:
        raise ValueError(f"num_shards must be at least 1, got {num_shards}.")
    if empty := [split for split, items in splits.items() if not items]:
        raise ValueError(f"Split {empty[0]!r} has no examples.")
    folder = pathlib.Path(output_dir)
    (folder / PARTIAL_FOLDER).mkdir(parents=True, exist_ok=True)
    shards = [
        shard
        for split, items in splits.items()
        for shard in _plan(split, items=items, num_shards=num_shards, folder=folder)
    ]
    counter = _Progress(sum(len(items) for items in splits.values()), progress)
    frequencies = {split: no_frequencies(info) for split in splits}
    problems: list[str] = []
    notes: list[str] = []
    reused = 0
    with futures.ThreadPoolExecutor(num_workers or os.cpu_count()) as executor:
        for shard in shards:
            summary = _finished(shard)
            reused += summary is not None
            if summary is None:
                summary = _write_shard(
                    shard, executor=executor, counter=counter, problems=problems
                )
            else:
                counter.add(len(shard.items))
            if summary is not None:
                notes += summary["notes"]
                frequencies[shard.split] += _frequencies(summary, info=info)
    if problems:
        raise ValueError(_describe(problems, total=counter.total, folder=folder))
    _publish(shards, folder=folder, info=info, frequencies=frequencies)
    return BuildReport(
        frequencies=frequencies, notes=tuple(notes), reused_shards=reused
    )


class _Progress:
    """Counts finished examples and passes the number on."""

    def __init__(self, total: int, report: Callable[[int, int], None] | None) -> None:
        self.total = total
        self._done = 0
        self._report = report

    def add(self, number: int) -> None:
        """Counts some more examples."""
        self._done += number
        if self._report is not None:
            self._report(self._done, self.total)


def _plan(
    split: str,
    *,
    items: Sequence[RecordItem],
    num_shards: int,
    folder: pathlib.Path,
) -> list[_Shard]:
    """Returns the shards of a split, filled in order as research/deeplab does."""
    size = -(-len(items) // num_shards)
    shards = []
    for number in range(num_shards):
        part = tuple(items[number * size : (number + 1) * size])
        text = json.dumps([_VERSION, [item.fingerprint for item in part]])
        shards.append(
            _Shard(
                split=split,
                name=shard_name(split, shard=number, num_shards=num_shards),
                items=part,
                output_dir=folder,
                fingerprint=hashlib.sha256(text.encode()).hexdigest(),
            )
        )
    return shards


def _finished(shard: _Shard) -> dict[str, Any] | None:
    """Returns the summary of a shard that an earlier build has finished, or None."""
    try:
        summary = json.loads(shard.summary.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if summary.get("fingerprint") != shard.fingerprint:
        return None
    # A build that was killed while publishing has moved some of its shards already.
    path = shard.partial if shard.partial.exists() else shard.final
    if not path.exists() or path.stat().st_size != summary["num_bytes"]:
        return None
    return summary


def _write_shard(
    shard: _Shard,
    *,
    executor: futures.Executor,
    counter: _Progress,
    problems: list[str],
) -> dict[str, Any] | None:
    """Writes one shard; returns its summary, or None where an example has a problem."""
    unfinished = shard.partial.with_suffix(".tmp")
    shard.summary.unlink(missing_ok=True)
    before = len(problems)
    examples: list[EncodedExample] = []
    num_bytes = 0
    try:
        with tf.io.TFRecordWriter(str(unfinished)) as writer:
            for encoded in _encode_all(shard.items, executor=executor):
                counter.add(1)
                if isinstance(encoded, str):
                    problems.append(encoded)
                    continue
                writer.write(encoded.record)
                num_bytes += len(encoded.record) + FRAME_BYTES
                examples.append(dataclasses.replace(encoded, record=b""))
        if len(problems) > before:
            unfinished.unlink()
            return None
        return _finish(shard, unfinished, examples=examples, num_bytes=num_bytes)
    except (tf.errors.OpError, OSError) as error:
        unfinished.unlink(missing_ok=True)
        raise _failure(shard.output_dir, shard.name, error) from error


def _failure(folder: pathlib.Path, name: str, error: Exception) -> OSError:
    """Returns the error for a file that cannot be written."""
    return OSError(
        f"{folder}: cannot write {name} ({text_files.reason(error)}). Free some space "
        "or choose another --output_dir, and run again: finished shards in "
        f"{PARTIAL_FOLDER} are taken over."
    )


def _encode_all(
    items: Sequence[RecordItem], *, executor: futures.Executor
) -> Iterator[EncodedExample | str]:
    """Yields the examples in order, a problem as text; few are held at a time."""
    waiting: collections.deque[futures.Future] = collections.deque()
    remaining = iter(items)
    try:
        for item in itertools.islice(remaining, 4 * (os.cpu_count() or 1)):
            waiting.append(executor.submit(_encode, item))
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(remaining, 1):
                waiting.append(executor.submit(_encode, item))
            yield result
    finally:
        for future in waiting:
            future.cancel()


def _encode(item: RecordItem) -> EncodedExample | str:
    """Returns the example of an item, or what is wrong with it."""
    try:
        return item.encode()
    except OSError as error:
        return f"{error.filename}: {error.strerror}." if error.filename else str(error)
    except ValueError as error:
        return str(error)


def _finish(
    shard: _Shard,
    unfinished: pathlib.Path,
    *,
    examples: Sequence[EncodedExample],
    num_bytes: int,
) -> dict[str, Any]:
    """Gives a written shard its name and its summary; the summary comes last."""
    if unfinished.stat().st_size != num_bytes:
        raise OSError(f"{unfinished.stat().st_size} bytes on disk, {num_bytes} written")
    with open(unfinished, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(unfinished, shard.partial)
    summary = {
        "fingerprint": shard.fingerprint,
        "num_bytes": num_bytes,
        "notes": [note for example in examples for note in example.notes],
        "frequencies": _total(examples),
    }
    text_files.replace_text(shard.summary, json.dumps(summary))
    return summary


def _total(examples: Sequence[EncodedExample]) -> dict[str, Any] | None:
    """Returns the frequencies of all examples as JSON types; None: there are none."""
    if not examples:
        return None
    total = examples[0].frequencies
    for example in examples[1:]:
        total += example.frequencies
    return dataclasses.asdict(total)


def _frequencies(summary: dict[str, Any], *, info: DatasetInfo) -> LabelFrequencies:
    """Returns the frequencies that a summary holds."""
    stored = summary["frequencies"]
    if stored is None:
        return no_frequencies(info)
    return LabelFrequencies(
        num_images=stored["num_images"],
        pixels=tuple(stored["pixels"]),
        images=tuple(stored["images"]),
        ignored_pixels=stored["ignored_pixels"],
    )


def _describe(problems: Sequence[str], *, total: int, folder: pathlib.Path) -> str:
    """Returns the message for examples that cannot be stored."""
    listed = [f"  {problem}" for problem in problems[:MAX_LISTED_PROBLEMS]]
    if len(problems) > MAX_LISTED_PROBLEMS:
        listed.append(f"  and {len(problems) - MAX_LISTED_PROBLEMS} more.")
    return "\n".join(
        [
            f"{len(problems)} of {total} examples cannot be used, so no record was "
            f"written to {folder}:",
            *listed,
            "Correct these files or take their lines out of the lists, and run again.",
        ]
    )


def _publish(
    shards: Sequence[_Shard],
    *,
    folder: pathlib.Path,
    info: DatasetInfo,
    frequencies: dict[str, LabelFrequencies],
) -> None:
    """Moves finished shards to their place and removes what they replace."""
    names = {shard.name for shard in shards}
    kept = _other_splits(folder, info=info, built=frequencies)
    # All bytes are on the disk before the first record shows.
    partial = folder / PARTIAL_FOLDER
    try:
        dataset_json.write_dataset_json(
            partial, info=info, frequencies=kept | frequencies
        )
    except OSError as error:
        raise _failure(folder, dataset_json.FILE_NAME, error) from error
    for shard in shards:
        if shard.partial.exists():
            os.replace(shard.partial, shard.final)
    for split in frequencies:
        for old in folder.glob(f"{split}-?????-of-?????.tfrecord"):
            if old.name not in names:
                old.unlink()
    os.replace(partial / dataset_json.FILE_NAME, folder / dataset_json.FILE_NAME)
    shutil.rmtree(partial)


def _other_splits(
    folder: pathlib.Path, *, info: DatasetInfo, built: Mapping[str, LabelFrequencies]
) -> dict[str, LabelFrequencies]:
    """Returns the splits of the same data set that an earlier build left there."""
    try:
        old_info, frequencies = dataset_json.read_dataset_json(folder)
    except (OSError, ValueError):
        return {}
    if dataclasses.replace(old_info, splits={}) != dataclasses.replace(info, splits={}):
        return {}
    return {
        split: counts
        for split, counts in frequencies.items()
        if split not in built and any(folder.glob(f"{split}-?????-of-?????.tfrecord"))
    }
