# Licensed under the Apache License, Version 2.0.
"""What is known of the data of a command: from flags, `dataset.json` and recipe."""

import logging
import os
from typing import Any

from deeplab_tf.cli import flags
from deeplab_tf.config.recipe import Recipe

log = logging.getLogger(__name__)


def dataset_info(recipe: Recipe | None) -> Any:
    """Returns the data set of --dataset_dir and --dataset.

    A given --dataset wins over `dataset.json` beside the records, unless both name the
    same data set; that wins over the recipe, and this over the original's default.

    Args:
        recipe: of the network, if there is one.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: there is no such data set, or `dataset.json` is damaged.
    """
    from deeplab_tf.data.catalog import ALIASES, get_dataset_info
    from deeplab_tf.data.dataset_json import load_dataset_info

    folder, name = flags.value("dataset_dir"), flags.value("dataset")
    if folder and not os.path.isdir(folder):
        raise FileNotFoundError(
            f"--dataset_dir={folder}: there is no such folder; give the one with the "
            "TFRecords, which the scripts in datasets/ write."
        )
    if not flags.is_given("dataset"):
        default = name if recipe is None else recipe.data.dataset
        return load_dataset_info(folder, default_name=default)
    info = load_dataset_info(folder, default_name=name)
    if info.name in (name, ALIASES.get(name, name)):
        return info
    log.warning(
        "--dataset=%s is taken, though %s/dataset.json says %s.",
        name,
        folder,
        info.name,
    )
    return get_dataset_info(name)
