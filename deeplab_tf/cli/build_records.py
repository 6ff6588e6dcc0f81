# Licensed under the Apache License, Version 2.0.
"""What the scripts of datasets/ have in common: flags, progress and label audit."""

import pathlib
import sys
from collections.abc import Iterable, Mapping, Sequence

from absl import flags

from deeplab_tf.cli.progress import Progress
from deeplab_tf.data import dataset_json
from deeplab_tf.data.catalog.dataset_info import DatasetInfo
from deeplab_tf.data.file_examples import FilePair, file_items
from deeplab_tf.data.folder_layout import list_some
from deeplab_tf.data.label_audit import LabelFrequencies, format_frequencies
from deeplab_tf.data.record_writer import RecordItem, write_records

FLAGS = flags.FLAGS
_MAX_NOTES = 20


def define_flags(*, output_dir: str, num_shards: int = 4) -> None:
    """Defines the flags of every script.

    Args:
        output_dir: default of --output_dir.
        num_shards: default of --num_shards.
    """
    flags.DEFINE_string("output_dir", output_dir, "Folder of the TFRecords.")
    flags.DEFINE_integer("num_shards", num_shards, "Files per split.", lower_bound=1)


def define_format_flags(*, image_format: str) -> None:
    """Defines the flags of the original's build_data.py.

    Args:
        image_format: default of --image_format.
    """
    flags.DEFINE_enum(
        "image_format",
        image_format,
        ["jpg", "jpeg", "png"],
        "Ending of image names; the others are tried where it is not found.",
    )
    flags.DEFINE_enum("label_format", "png", ["png"], "Ending of label names.")


def define_label_flags() -> None:
    """Defines the flags of scripts that read label files."""
    flags.DEFINE_enum(
        "unknown_label",
        "error",
        ["error", "ignore"],
        "What to do with ids that are neither a class nor the ignore label.",
    )


def build_from_files(
    splits: Mapping[str, Iterable[FilePair]],
    *,
    info: DatasetInfo,
    notes: Sequence[str] = (),
) -> None:
    """Writes records of image and label files, as the flags say.

    Args:
        splits: files of each example per split.
        info: the data set.
        notes: what a person should know beforehand.
    """
    ignore = FLAGS.unknown_label == "ignore"
    items = {
        split: file_items(pairs, info=info, ignore_unknown=ignore)
        for split, pairs in splits.items()
    }
    build(items, info=info, notes=notes)


def build(
    splits: Mapping[str, Sequence[RecordItem]],
    *,
    info: DatasetInfo,
    notes: Sequence[str] = (),
) -> None:
    """Writes records, as the flags say; shows progress, notes and the label audit.

    Args:
        splits: examples per split.
        info: the data set.
        notes: what a person should know beforehand.
    """
    _check_same_dataset(info)
    show_notes(notes)
    progress = Progress(sum(map(len, splits.values())), unit="examples")
    try:
        report = write_records(
            splits,
            output_dir=FLAGS.output_dir,
            info=info,
            num_shards=FLAGS.num_shards,
            progress=lambda done, _: progress(done),
        )
    finally:
        progress.close()
    show_notes(report.notes)
    if report.reused_shards:
        print(f"{report.reused_shards} shards of an earlier build taken over.")
    print(format_frequencies(report.frequencies, info=info))
    show_notes(_absent_classes(report.frequencies, info=info))
    examples = ", ".join(
        f"{split} {counts.num_images:,}" for split, counts in report.frequencies.items()
    )
    print(f"{FLAGS.output_dir}: {examples} examples in {FLAGS.num_shards} files each.")


def show_notes(notes: Sequence[str]) -> None:
    """Prints notes on standard error, not too many."""
    for note in notes[:_MAX_NOTES]:
        print(f"note: {note}", file=sys.stderr)
    if len(notes) > _MAX_NOTES:
        print(f"note: and {len(notes) - _MAX_NOTES} more.", file=sys.stderr)


def _absent_classes(
    frequencies: Mapping[str, LabelFrequencies], *, info: DatasetInfo
) -> list[str]:
    """Returns notes of the classes that a split of labelled images does not hold."""
    notes = []
    for split, counts in frequencies.items():
        absent = [
            name
            for label, name in enumerate(info.classes)
            if not counts.pixels[label] and label != info.ignore_label
        ]
        if absent and any(counts.pixels):
            notes.append(
                f"the split {split} holds no pixel of {list_some(absent)}: nothing can "
                "be learned or scored of it there."
            )
    return notes


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
