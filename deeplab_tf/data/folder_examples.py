# Licensed under the Apache License, Version 2.0.
"""Any folder of images and masks becomes a data set."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

from deeplab_tf.data.catalog.dataset_info import Color, DatasetInfo
from deeplab_tf.data.color_table import read_color_table
from deeplab_tf.data.file_examples import FilePair
from deeplab_tf.data.folder_layout import find_files, find_parts
from deeplab_tf.data.folder_splits import FolderSplits, split_folder
from deeplab_tf.data.mask_meaning import DEFAULT_IGNORE_LABEL, understand_masks
from deeplab_tf.data.mask_survey import survey_masks


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderOptions:
    """How a folder is to be read; the defaults find out what can be found out.

    Attributes:
        image_folder: folder of the images in the data set's; "" looks for images/.
        mask_folder: folder of the masks in it; "" looks for masks/, labels/ or
            annotations/.
        image_suffix: end of the images' names that is no part of the example's name.
        mask_suffix: the same of the masks, such as "_mask".
        name: of the data set; "" is that of the folder.
        class_names: names in the order of the ids; (): as many as the masks show.
        color_table: file that says which class a colour is.
        ignore_label: id of pixels that do not count; None: 255.
        ignore_colors: colours that the table does not hold and that do not count.
        binary: whether masks are black and white.
        ignore_unknown: whether what is no class becomes the ignore label.
        list_folder: folder with a list of names per split.
        val_fraction: share of the images for validation, if nothing else says it.
        seed: of that choice.
        skip_missing: whether images without mask are left out.
    """

    image_folder: str = ""
    mask_folder: str = ""
    image_suffix: str = ""
    mask_suffix: str = ""
    name: str = ""
    class_names: tuple[str, ...] = ()
    color_table: pathlib.Path | None = None
    ignore_label: int | None = None
    ignore_colors: tuple[Color, ...] = ()
    binary: bool = False
    ignore_unknown: bool = False
    list_folder: pathlib.Path | None = None
    val_fraction: float = 0.2
    seed: int = 0
    skip_missing: bool = False

    def __post_init__(self) -> None:
        if self.color_table is None and self.ignore_colors:
            raise ValueError(
                "--ignore_color belongs to a --color_table: give that too."
            )
        if self.color_table is not None and (self.binary or self.class_names):
            flag = "--binary" if self.binary else "--class_names"
            raise ValueError(f"--color_table says what {flag} says: give one of them.")
        if len(set(self.class_names)) < len(self.class_names):
            names = ", ".join(self.class_names)
            raise ValueError(f"Each class needs a name of its own, got {names}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderDataset:
    """What a folder holds.

    Attributes:
        info: classes, colours and ignore label.
        pairs: files of each example per split.
        notes: what was found out or left out.
    """

    info: DatasetInfo
    pairs: Mapping[str, Sequence[FilePair]]
    notes: tuple[str, ...]


def list_examples(root: pathlib.Path, options: FolderOptions) -> FolderSplits:
    """Finds images and masks and gives them to splits; reads none of them.

    Args:
        root: the folder of the data set.
        options: how to read it.

    Raises:
        FileNotFoundError: a folder or file is not there.
        ValueError: something is missing or not clear; the message says what to do.
    """
    parts = find_parts(
        root, image_folder=options.image_folder, mask_folder=options.mask_folder
    )
    files = [
        find_files(
            part, image_suffix=options.image_suffix, mask_suffix=options.mask_suffix
        )
        for part in parts
    ]
    splits = split_folder(
        root,
        files,
        list_folder=options.list_folder,
        val_fraction=options.val_fraction,
        seed=options.seed,
        skip_missing=options.skip_missing,
    )
    if not splits.masks:
        raise ValueError(f"{root}: no image has a mask, so there is nothing to learn.")
    return splits


def describe_examples(
    root: pathlib.Path,
    splits: FolderSplits,
    options: FolderOptions,
    *,
    progress: Callable[[int], None] | None = None,
) -> FolderDataset:
    """Reads every mask once and decides what they mean.

    Args:
        root: the folder of the data set.
        splits: what `list_examples` found there.
        options: how to read it.
        progress: is told how many masks are read.

    Raises:
        FileNotFoundError: the colour table is not there.
        ValueError: masks are damaged, or what they mean is not clear.
    """
    label = options.ignore_label
    label = DEFAULT_IGNORE_LABEL if label is None else label
    table = None
    if options.color_table is not None:
        table = read_color_table(options.color_table, ignore_label=label)
        table = table.with_ignored(options.ignore_colors)
    survey = survey_masks(splits.masks, progress=progress)
    meaning = understand_masks(
        survey,
        class_names=options.class_names,
        color_table=table,
        ignore_label=options.ignore_label,
        binary=options.binary,
        ignore_unknown=options.ignore_unknown,
    )
    name = root.resolve().name
    info = DatasetInfo(
        name=options.name or name,
        classes=meaning.classes,
        palette=meaning.palette,
        ignore_label=label,
        splits={},
        has_background=meaning.has_background,
        image_size=survey.size,
        source=f"The folder {name}.",
    )
    pairs = {
        split: [dataclasses.replace(pair, read=meaning.read) for pair in part]
        for split, part in splits.pairs.items()
    }
    return FolderDataset(info=info, pairs=pairs, notes=(*splits.notes, *meaning.notes))
