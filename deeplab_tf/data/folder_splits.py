# Licensed under the Apache License, Version 2.0.
"""Which images of a folder are for training, and which for validation."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from deeplab_tf.data.file_examples import FilePair
from deeplab_tf.data.folder_layout import SPLIT_NAMES, FolderFiles, list_some
from deeplab_tf.data.image_files import IMAGE_SUFFIXES
from deeplab_tf.data.split_lists import SplitList, check_folder, read_lists

# What an image may be called in a list -> the parts that hold it and its name there.
_Places = dict[str, list[tuple[FolderFiles, str]]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderSplits:
    """The examples of a folder.

    Attributes:
        pairs: files of each example per split.
        notes: what a person should know.
    """

    pairs: Mapping[str, Sequence[FilePair]]
    notes: tuple[str, ...]

    @property
    def masks(self) -> list[pathlib.Path]:
        """The masks of all examples, each once."""
        pairs = [pair for part in self.pairs.values() for pair in part]
        return list(dict.fromkeys(pair.labels for pair in pairs if pair.labels))


def split_folder(
    root: pathlib.Path,
    files: Sequence[FolderFiles],
    *,
    list_folder: pathlib.Path | None = None,
    val_fraction: float = 0.2,
    seed: int = 0,
    skip_missing: bool = False,
) -> FolderSplits:
    """Returns the examples of each split.

    Lists win over folders of splits, and these over `train.txt`, `val.txt` and so on
    in the folder of the data set. Where there is none of them, a fraction is for
    validation; which images these are depends on their names and the seed alone, so
    that few of them change sides when images are added.

    Args:
        root: the folder of the data set.
        files: images and masks of each part.
        list_folder: folder with a list of names per split.
        val_fraction: share of the images for validation, where nothing else says it.
        seed: of that choice.
        skip_missing: whether images without mask are left out; if not, they are an
            error, but for a split test of which no image has one.

    Raises:
        FileNotFoundError: there is no list in `list_folder`.
        ValueError: a list names what is not there, or masks are missing.
    """
    notes = [note for part in files for note in part.notes]
    pairs: dict[str, list[FilePair]] = {}
    if list_folder is not None:
        pairs = _all_listed(_lists(list_folder), files, needed=True)
    elif files[0].part.split is not None:
        pairs = {str(part.part.split): _all_pairs(part) for part in files}
    else:
        paths = [path for path in root.glob("*.txt") if path.stem in SPLIT_NAMES]
        pairs = _all_listed(read_lists(sorted(paths)), files, needed=False)
    if not pairs:
        pairs, note = _divide(_all_pairs(files[0]), val_fraction, seed)
        notes.append(note)
    unused = _unused_masks(files)
    pairs = _with_masks(pairs, skip_missing=skip_missing, unused=unused, notes=notes)
    notes += unused + _shared(pairs)
    if "val" not in pairs:
        notes.append(
            f"There is no split val, only {', '.join(pairs)}: evaluation needs "
            "--eval_split."
        )
    # Known names first, in the order of SPLIT_NAMES.
    order = list(SPLIT_NAMES.values())
    names = sorted(pairs, key=lambda n: order.index(n) if n in order else len(order))
    pairs = {split: pairs[split] for split in names}
    return FolderSplits(pairs=pairs, notes=tuple(notes))


def _lists(folder: pathlib.Path) -> list[SplitList]:
    """Returns the lists of a folder."""
    check_folder(folder, content="lists of names (train.txt, val.txt)")
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no list (*.txt) of names.")
    return read_lists(paths)


def _all_listed(
    lists: Sequence[SplitList], files: Sequence[FolderFiles], *, needed: bool
) -> dict[str, list[FilePair]]:
    """Returns the examples of all lists by split.

    A list that was only found, not needed, may be of other images altogether.
    """
    splits: dict[str, list[FilePair]] = {}
    places = _places(files)
    for entries in lists:
        if not needed and not any(_find(line, places) for line in entries.lines):
            continue
        split = SPLIT_NAMES.get(entries.split.lower(), entries.split)
        if split in splits:
            raise ValueError(
                f"{entries.path}: there is another list of the split {split}: keep one."
            )
        splits[split] = _listed(entries, files, places)
    return splits


def _all_pairs(files: FolderFiles) -> list[FilePair]:
    """Returns the examples of a part by name."""
    return [_pair(files, name) for name in files.images]


def _pair(
    files: FolderFiles,
    name: str,
    *,
    named_by: pathlib.Path | None = None,
    notes: tuple[str, ...] = (),
) -> FilePair:
    return FilePair(
        name=name,
        image=files.images[name],
        labels=files.masks.get(name),
        named_by=named_by or files.part.images,
        notes=notes,
    )


def _listed(
    entries: SplitList, files: Sequence[FolderFiles], places: _Places
) -> list[FilePair]:
    """Returns the examples that a list names."""
    pairs, absent = [], []
    for line in entries.lines:
        found = _find(line, places)
        if len(found) > 1:
            raise ValueError(
                f"{entries.path} names {line}, which is in several folders: write "
                f"{' or '.join(str(part.images[name]) for part, name in found)}."
            )
        if found:
            part, name = found[0]
            notes = entries.notes(line)
            pairs.append(_pair(part, name, named_by=entries.path, notes=notes))
        else:
            absent.append(line)
    if absent:
        folders = " and ".join(str(part.part.images) for part in files)
        raise ValueError(
            f"{entries.path}: {len(absent)} of {len(entries.lines)} lines name no "
            f"image in {folders}: {list_some(absent)}. Correct them, add the images, "
            "or take a text file that is no list out of the folder of lists."
        )
    return pairs


def _places(files: Sequence[FolderFiles]) -> _Places:
    """Returns by all that an image may be called in a list what it means."""
    places: _Places = {}
    for part in files:
        folder = part.part.images
        for name, path in part.images.items():
            stem = path.relative_to(folder).with_suffix("").as_posix()
            for text in {name, stem, f"{folder.name}/{name}", f"{folder.name}/{stem}"}:
                places.setdefault(text, []).append((part, name))
    return places


def _find(line: str, places: _Places) -> list[tuple[FolderFiles, str]]:
    """Returns what a line of a list means: parts and names in them."""
    return next((places[text] for text in _readings(line) if text in places), [])


def _readings(line: str) -> Iterable[str]:
    """Yields what a line may mean: a name, a file name, a path, or two of them."""
    for text in dict.fromkeys([line, *line.split()[:1]]):
        plain = text.replace("\\", "/").lstrip("/")
        stem, _, suffix = plain.rpartition(".")
        if f".{suffix.lower()}" in (*IMAGE_SUFFIXES, ".bmp", ".tif", ".tiff", ".webp"):
            plain = stem
        parts = plain.split("/")
        for start in range(len(parts)):
            yield "/".join(parts[start:])


def _divide(
    pairs: list[FilePair], fraction: float, seed: int
) -> tuple[dict[str, list[FilePair]], str]:
    """Returns training and validation examples, and a note of the choice."""
    if not 0 <= fraction < 1:
        raise ValueError(f"--val_fraction must lie in 0..1, below 1, got {fraction}.")
    if fraction == 0:
        return {"train": pairs}, "All images are in the split train: --val_fraction=0."
    if len(pairs) < 2:
        raise ValueError(
            f"There is one image alone, {pairs[0].image}: training and validation need "
            "at least one each, or give --val_fraction=0."
        )
    number = min(max(round(fraction * len(pairs)), 1), len(pairs) - 1)
    order = sorted(pairs, key=lambda pair: _draw(pair.name, seed))
    chosen = {pair.name for pair in order[:number]}
    splits = {
        "train": [pair for pair in pairs if pair.name not in chosen],
        "val": [pair for pair in pairs if pair.name in chosen],
    }
    note = (
        f"{number} of {len(pairs)} images are for validation, drawn by --seed={seed} "
        f"(--val_fraction={fraction:g}). Where images resemble each other, as frames "
        "of one video, give --split_lists instead."
    )
    return splits, note


def _draw(name: str, seed: int) -> bytes:
    """Returns what stands for chance: it depends on name and seed alone."""
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


def _with_masks(
    splits: Mapping[str, Sequence[FilePair]],
    *,
    skip_missing: bool,
    unused: Sequence[str],
    notes: list[str],
) -> dict[str, list[FilePair]]:
    """Returns the examples that can be stored; adds to the notes what is left out."""
    kept: dict[str, list[FilePair]] = {}
    absent: list[FilePair] = []
    for split, pairs in splits.items():
        kept[split] = [pair for pair in pairs if pair.labels is not None]
        if split == "test" and not kept[split]:
            kept[split] = list(pairs)
            notes.append(f"The split {split} has no masks: stored without labels.")
            continue
        absent += [pair for pair in pairs if pair.labels is None]
    if not absent:
        return kept
    images = list_some(str(pair.image) for pair in absent)
    total = sum(len(pairs) for pairs in splits.values())
    empty = [split for split, pairs in kept.items() if not pairs]
    if not skip_missing or empty:
        advice = "Masks must be called as their images, up to --mask_suffix"
        if not skip_missing:
            advice += "; or leave these images out with --missing_mask=skip"
        raise ValueError(
            " ".join(
                [
                    f"{len(absent)} of {total} images have no mask: {images}.",
                    *unused,
                    f"{advice}.",
                ]
            )
        )
    notes.append(f"{len(absent)} of {total} images left out, without mask: {images}.")
    return kept


def _unused_masks(files: Sequence[FolderFiles]) -> list[str]:
    """Returns a note of masks that belong to no image of any part."""
    names = {name for part in files for name in part.images}
    unused = {
        path for part in files for n, path in part.masks.items() if n not in names
    }
    if not unused:
        return []
    masks = list_some(str(path) for path in sorted(unused))
    return [f"{len(unused)} masks belong to no image and are not used: {masks}."]


def _shared(splits: Mapping[str, Sequence[FilePair]]) -> list[str]:
    """Returns a note of images that are both for training and for validation."""
    train, val = (
        {pair.image for pair in splits.get(split, ())} for split in ("train", "val")
    )
    shared = sorted(path.name for path in train & val)
    if not shared:
        return []
    return [
        f"{len(shared)} images are in both train and val, so scores will look too "
        f"good: {list_some(shared)}."
    ]
