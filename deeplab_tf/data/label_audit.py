# Licensed under the Apache License, Version 2.0.
"""Counts what labels hold, and finds ids that they must not hold."""

import dataclasses

import numpy as np

from deeplab_tf.data.catalog.dataset_info import DatasetInfo


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelFrequencies:
    """How often each class occurs in a split.

    Attributes:
        num_images: examples counted.
        pixels: pixels of each class.
        images: examples in which each class occurs.
        ignored_pixels: pixels of the ignore label.
    """

    num_images: int
    pixels: tuple[int, ...]
    images: tuple[int, ...]
    ignored_pixels: int

    def __add__(self, other: "LabelFrequencies") -> "LabelFrequencies":
        return LabelFrequencies(
            num_images=self.num_images + other.num_images,
            pixels=_sum(self.pixels, other.pixels),
            images=_sum(self.images, other.images),
            ignored_pixels=self.ignored_pixels + other.ignored_pixels,
        )


def no_frequencies(info: DatasetInfo) -> LabelFrequencies:
    """Returns the frequencies of no image at all, to add others to."""
    zeros = (0,) * info.num_classes
    return LabelFrequencies(num_images=0, pixels=zeros, images=zeros, ignored_pixels=0)


def count_labels(labels: np.ndarray, *, info: DatasetInfo) -> LabelFrequencies:
    """Returns the frequencies of one label map.

    Args:
        labels: [H, W] unsigned integers.
        info: classes and ignore label. An ignore label that is a class is counted as
            ignored.
    """
    counts = np.bincount(labels.ravel(), minlength=info.num_classes)
    pixels = counts[: info.num_classes].copy()
    ignored = 0
    if info.ignore_label < len(counts):
        ignored = int(counts[info.ignore_label])
    if info.ignore_label < info.num_classes:
        pixels[info.ignore_label] = 0
    return LabelFrequencies(
        num_images=1,
        pixels=tuple(int(count) for count in pixels),
        images=tuple(int(count > 0) for count in pixels),
        ignored_pixels=ignored,
    )


def unknown_labels(labels: np.ndarray, *, info: DatasetInfo) -> dict[int, int]:
    """Returns the ids that are neither a class nor the ignore label, with pixels."""
    counts = np.bincount(labels.ravel())
    return {
        int(label): int(counts[label])
        for label in np.flatnonzero(counts)
        if label >= info.num_classes and label != info.ignore_label
    }


def format_frequencies(
    frequencies: dict[str, LabelFrequencies], *, info: DatasetInfo
) -> str:
    """Returns a table of classes by splits, in pixels and images.

    Args:
        frequencies: per split.
        info: names of the classes.
    """
    header = ["id", "class"]
    for split in frequencies:
        header += [f"{split} pixels", "share", "images"]
    rows = [header]
    for label, name in enumerate(info.classes):
        row = [str(label), name]
        for counts in frequencies.values():
            labelled = max(sum(counts.pixels), 1)
            row += [
                f"{counts.pixels[label]:,}",
                f"{counts.pixels[label] / labelled:.3%}",
                f"{counts.images[label]:,}",
            ]
        rows.append(row)
    ignored = [str(info.ignore_label), "(ignored)"]
    for counts in frequencies.values():
        every = max(sum(counts.pixels) + counts.ignored_pixels, 1)
        share = f"{counts.ignored_pixels / every:.3%}"
        ignored += [f"{counts.ignored_pixels:,}", share, f"of {counts.num_images:,}"]
    rows.append(ignored)
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _sum(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(first, second, strict=True))
