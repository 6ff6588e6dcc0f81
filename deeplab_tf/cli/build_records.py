# Licensed under the Apache License, Version 2.0.
"""What the scripts of datasets/ have in common: flags, progress and label audit."""

import pathlib
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

from absl import flags

from deeplab_tf.data import dataset_json
from deeplab_tf.data.catalog.dataset_info import DatasetInfo
from deeplab_tf.data.file_examples import FilePair, file_items
from deeplab_tf.data.label_audit import format_frequencies
from deeplab_tf.data.record_writer import RecordItem, write_records

FLAGS = flags.FLAGS
_BAR_WIDTH = 40
_MAX_NOTES = 20


def define_flags(*, output_dir: str) -> None:
    """Defines the flags of every script.

    Args:
        output_dir: default of --output_dir.
    """
    flags.DEFINE_string("output_dir", output_dir, "Folder of the TFRecords.")
    flags.DEFINE_integer("num_shards", 4, "Files per split.", lower_bound=1)


def define_label_flags() -> None:
    """Defines the flags of scripts that read label files."""
    flags.DEFINE_enum(
        "unknown_label",
        "error",
        ["error", "ignore"],
        "What to do with ids that are neither a class nor the ignore label.",
    )


def build_from_files(
    splits: Mapping[str, Iterable[FilePair]], *, info: DatasetInfo
) -> None:
    """Writes records of image and label files, as the flags say.

    Args:
        splits: files of each example per split.
        info: the data set.
    """
    ignore = FLAGS.unknown_label == "ignore"
    items = {
        split: file_items(pairs, info=info, ignore_unknown=ignore)
        for split, pairs in splits.items()
    }
    build(items, info=info)


def build(splits: Mapping[str, Sequence[RecordItem]], *, info: DatasetInfo) -> None:
    """Writes records, as the flags say; shows progress, notes and the label audit."""
    _check_same_dataset(info)
    report = write_records(
        splits,
        output_dir=FLAGS.output_dir,
        info=info,
        num_shards=FLAGS.num_shards,
        progress=ProgressBar(),
    )
    for note in report.notes[:_MAX_NOTES]:
        print(f"note: {note}", file=sys.stderr)
    if len(report.notes) > _MAX_NOTES:
        print(f"note: and {len(report.notes) - _MAX_NOTES} more.", file=sys.stderr)
    if report.reused_shards:
        print(f"{report.reused_shards} shards of an earlier build taken over.")
    print(format_frequencies(report.frequencies, info=info))
    examples = ", ".join(
        f"{split} {counts.num_images:,}" for split, counts in report.frequencies.items()
    )
    print(f"{FLAGS.output_dir}: {examples} examples in {FLAGS.num_shards} files each.")


def _check_same_dataset(info: DatasetInfo) -> None:
    """Raises ValueError if the folder holds records of another data set."""
    folder = pathlib.Path(FLAGS.output_dir)
    if not (folder / dataset_json.FILE_NAME).is_file():
        return
    found, _ = dataset_json.read_dataset_json(folder)
    if found.name != info.name:
        raise ValueError(
            f"--output_dir={folder} holds records of {found.name!r}, and these are of "
            f"{info.name!r}: name another folder, or remove it first."
        )


class ProgressBar:
    """Shows on standard error how much is done; in a log file, every tenth."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._start = time.monotonic()
        self._shown = 0.0
        self._tenth = 0

    def __call__(self, done: int, total: int) -> None:
        """Shows `done` of `total` examples."""
        now = time.monotonic()
        tenth = 10 * done // total
        due = now - self._shown > 0.1 if self._terminal else tenth > self._tenth
        if not due and done < total:
            return
        self._shown, self._tenth = now, tenth
        rate = done / max(now - self._start, 1e-3)
        filled = "=" * (_BAR_WIDTH * done // total)
        text = f"[{filled:<{_BAR_WIDTH}}] {done}/{total} {rate:.0f} examples/s"
        start = "\r" if self._terminal else ""
        end = "" if self._terminal and done < total else "\n"
        print(f"{start}{text}", end=end, file=sys.stderr, flush=True)
