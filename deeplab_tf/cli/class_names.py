# Licensed under the Apache License, Version 2.0.
"""Names and colours of the classes of a network that was trained somewhere."""

import logging
import os
import pathlib
from typing import Any

from deeplab_tf.cli import flags, pretrained_flags
from deeplab_tf.cli.dataset_flags import dataset_info
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.data.catalog import ALIASES, DATASETS, DatasetInfo, get_dataset_info
from deeplab_tf.data.dataset_json import FILE_NAME, read_dataset_json

log = logging.getLogger(__name__)

# Data sets of published checkpoints, which a number of classes tells apart.
_PUBLISHED = ("voc2012", "cityscapes", "ade20k")
# Class ids of a PNG, where nothing says how many classes there are.
_MAX_CLASSES = 256


def given_dataset(num_classes: int | None) -> DatasetInfo | None:
    """Returns the data set of --dataset and --dataset_dir, if one of them is given.

    Args:
        num_classes: of the network; None: nobody knows.

    Raises:
        ValueError: it has another number of classes.
    """
    if not flags.is_given("dataset") and not flags.is_given("dataset_dir"):
        return None
    info = dataset_info(None)
    if num_classes not in (None, info.num_classes):
        raise ValueError(
            f"The network has {num_classes} classes, and data set {info.name!r} has "
            f"{info.num_classes}: give the data set that it was trained for "
            "(--dataset, --dataset_dir), or leave the flag out."
        )
    return info


def find_dataset(
    recipe: Recipe | None, *, folder: str | os.PathLike[str], num_classes: int
) -> DatasetInfo | None:
    """Returns the data set that a checkpoint was trained for, if something says it.

    A given flag wins over `dataset.json` beside the checkpoint, which training writes
    there, that over the recipe, and this over what is known of --pretrained.

    Args:
        recipe: beside the checkpoint, if there is one.
        folder: of the checkpoint.
        num_classes: of the network. What has another number of classes is not it.
    """
    if given := given_dataset(num_classes):
        return given
    found = []
    if (pathlib.Path(folder) / FILE_NAME).is_file():
        found.append(read_dataset_json(folder)[0])
    if recipe is not None and recipe.data.dataset in DATASETS.keys() | ALIASES.keys():
        found.append(get_dataset_info(recipe.data.dataset))
    if (released := _released_dataset()) is not None:
        found.append(released)
    return next((info for info in found if info.num_classes == num_classes), None)


def _released_dataset() -> DatasetInfo | None:
    """Returns the data set of --pretrained, if that is given and its classes known."""
    named = pretrained_flags.published()
    return get_dataset_info(named.dataset) if named and named.dataset else None


def guess_dataset(num_classes: int | None) -> DatasetInfo:
    """Returns the published data set of so many classes, else one of numbered classes.

    Args:
        num_classes: of the network; None: nobody knows.
    """
    released = _released_dataset()
    if released is not None and num_classes in (None, released.num_classes):
        return released
    for name in _PUBLISHED:
        info = get_dataset_info(name)
        if info.num_classes == num_classes:
            log.info(
                "Nothing says what the %d classes are: called as those of %s. "
                "--dataset names another data set.",
                num_classes,
                name,
            )
            return info
    log.info(
        "Nothing says what the classes are: they are numbered. Name their data set by "
        "--dataset or --dataset_dir."
    )
    number = num_classes or _MAX_CLASSES
    return DatasetInfo(
        name="numbered",
        classes=tuple(f"class_{i}" for i in range(number)),
        palette=_pascal_colors(number),
        ignore_label=255,
        splits={},
    )


def _pascal_colors(number: int) -> Any:
    from deeplab_tf.visualization.palettes import pascal_palette

    return tuple(tuple(color) for color in pascal_palette()[:number].tolist())
