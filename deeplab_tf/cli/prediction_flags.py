# Licensed under the Apache License, Version 2.0.
"""What commands that predict share: checkpoints, network, split and flags.

A flag that was given wins over the recipe beside the checkpoint (network, crop, scales,
resizing) and over `dataset.json` (data); these win over the original's defaults.
"""

import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import numpy as np
from absl import flags as absl_flags

from deeplab_tf.cli import crf_flags, flags, pretrained_flags
from deeplab_tf.cli.dataset_flags import dataset_info
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.structures import Example

log = logging.getLogger(__name__)

_RESIZE_FIELDS = (
    "min_resize_value",
    "max_resize_value",
    "resize_factor",
    "keep_aspect_ratio",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitFlags:
    """Names of the flags that eval.py and vis.py call differently."""

    split: str
    crop_size: str
    batch_size: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
    """A network and the split that it shall predict.

    Attributes:
        network: of `cli.network`.
        info: the data set.
        data: says split and resizing.
        evaluation: says crop, scales, flip, CRF and batch size.
        source: the examples.
        num_images: how many of them are wanted.
    """

    network: Any
    info: Any
    data: DataConfig
    evaluation: EvaluationConfig
    source: Any
    num_images: int


def define(*groups: str) -> None:
    """Defines the flags of both commands, and those of further groups."""
    flags.define("resize", "model", "predict", "flip", "dataset", *groups)
    absl_flags.DEFINE_boolean(
        "watch",
        False,
        "Follow a training run: take each new checkpoint of --checkpoint_dir until "
        "that of the run's last step.",
    )
    flags.define_prediction()
    pretrained_flags.define()
    crf_flags.define()
    absl_flags.DEFINE_integer(
        "max_images", 0, "Take the first images of the split only; 0 takes all."
    )


def for_each_checkpoint(function: Callable[[str], None], *, limit: int) -> None:
    """Calls a function with the checkpoint of the flags, or with those that come.

    Args:
        function: gets the path of a checkpoint.
        limit: how many checkpoints; 0 is one, and all that come with --watch. More
            than one waits for new ones, as the original does.

    Raises:
        ValueError: --checkpoint_dir is not given, or no folder where it must be one.
    """
    if not pretrained_flags.is_network_given("checkpoint_dir"):
        raise ValueError(
            "--checkpoint_dir must be given: a prefix, folder or archive; or "
            "--pretrained, the name of a released one."
        )
    path = pretrained_flags.network_checkpoint("checkpoint_dir")
    if not flags.FLAGS.watch and limit <= 1:
        function(path)
        return
    if os.path.isfile(path) or os.path.isfile(f"{path}.index"):
        raise ValueError(
            f"--watch follows the folder of a training run, and {path} is a single "
            "checkpoint: give its folder, or leave --watch out."
        )
    for prefix in _new_checkpoints(path, limit=limit):
        try:
            function(prefix)
        except ValueError:
            if os.path.isfile(f"{prefix}.index"):
                raise
            log.warning("%s was removed before it was read: passed over.", prefix)


def _new_checkpoints(folder: str, *, limit: int) -> Iterator[str]:
    """Yields checkpoints as they come, until the limit or the run's last step."""
    from deeplab_tf.cli.network import read_recipe
    from deeplab_tf.evaluation.checkpoint_watch import (
        checkpoint_step,
        watch_checkpoints,
    )

    log.info("Waiting for checkpoints in %s.", folder)
    seconds = flags.value("eval_interval_secs")
    found = watch_checkpoints(folder, interval_seconds=seconds)
    for number, prefix in enumerate(found, start=1):
        yield prefix
        recipe, step = read_recipe(prefix), checkpoint_step(prefix)
        if recipe is not None and step is not None and step >= recipe.train.steps:
            log.info("Step %d is the last of the run.", step)
            return
        if 0 < limit <= number:
            return


@contextlib.contextmanager
def open_prediction(path: str, names: SplitFlags) -> Iterator[Prediction]:
    """Yields the network of a checkpoint with the split that the flags name.

    Args:
        path: prefix, folder or archive.
        names: of the flags that differ between the commands.

    Raises:
        ValueError: checkpoint, data and flags do not fit together.
        OSError: there is no such folder, split or shard.
    """
    from deeplab_tf.cli.network import open_network
    from deeplab_tf.data.sources import open_source

    with open_network(
        path,
        num_classes=dataset_info(None).num_classes,
        use_moving_averages=flags.FLAGS.use_moving_averages,
    ) as network:
        info = dataset_info(network.recipe)
        _check_classes(network, info)
        data = data_config(network.recipe, info, names)
        source = open_source(
            flags.value("dataset_dir"), split=data.eval_split, info=info
        )
        num_images = source.num_examples
        if (wanted := flags.FLAGS.max_images) > 0:
            num_images = min(num_images, wanted)
        yield Prediction(
            network=network,
            info=info,
            data=data,
            evaluation=evaluation_config(network.recipe, names),
            source=source,
            num_images=num_images,
        )


def _check_classes(network: Any, info: Any) -> None:
    if network.config.num_classes != info.num_classes:
        raise ValueError(
            f"{network.prefix} is a network of {network.config.num_classes} classes, "
            f"and data set {info.name!r} has {info.num_classes}: give the data that "
            "the network was trained for (--dataset_dir, --dataset)."
        )


def data_config(recipe: Recipe | None, info: Any, names: SplitFlags) -> DataConfig:
    """Returns data set, split and resizing: a given flag wins over the recipe."""
    config = DataConfig() if recipe is None else recipe.data
    changes: dict[str, Any] = {
        name: flags.value(name) for name in _RESIZE_FIELDS if flags.is_given(name)
    }
    # A run that watched no split while it trained has an empty name here.
    if recipe is None or not config.eval_split or flags.is_given(names.split):
        changes["eval_split"] = flags.value(names.split)
    return dataclasses.replace(config, dataset=info.name, **changes)


def evaluation_config(recipe: Recipe | None, names: SplitFlags) -> EvaluationConfig:
    """Returns what surrounds the network: a given flag wins over the recipe."""
    config = evaluation_from_flags(
        recipe, crop_size=names.crop_size, scales="eval_scales"
    )
    if flags.is_given(names.batch_size):
        config = dataclasses.replace(config, batch_size=flags.value(names.batch_size))
    if config.batch_size < 1:
        raise ValueError(
            f"--{names.batch_size} must be at least 1, got {config.batch_size}."
        )
    return config


def resizing(data: DataConfig) -> Any:
    """Returns how images are resized, for a predictor that resizes them itself."""
    from deeplab_tf.inference.build_predictor import ImageSize

    return ImageSize(**{name: getattr(data, name) for name in _RESIZE_FIELDS})


def evaluation_from_flags(
    recipe: Recipe | None,
    *,
    crop_size: str = "crop_size",
    scales: str = "inference_scales",
) -> EvaluationConfig:
    """Returns crop, scales, flip and CRF: a given flag wins over the recipe.

    Args:
        recipe: beside the checkpoint, if there is one.
        crop_size: name of the flag of the crop.
        scales: name of the flag of the scales.
    """
    defaults = EvaluationConfig() if recipe is None else recipe.evaluation
    changes: dict[str, Any] = {"crf": crf_flags.config_from_flags(defaults.crf)}
    if flags.is_given(crop_size):
        changes["crop_size"] = flags.size(crop_size)
    if flags.is_given(scales):
        changes["scales"] = flags.value(scales)
    if flags.is_given("prediction_with_upsampled_logits"):
        changes["upsample_logits"] = flags.value("prediction_with_upsampled_logits")
    if flags.is_given("add_flipped_images"):
        changes["flip"] = flags.value("add_flipped_images")
    if flags.is_given("pad_to_crop"):
        changes["pad_to_crop"] = flags.FLAGS.pad_to_crop
    return dataclasses.replace(defaults, **changes)


def image_size_from_flags(recipe: Recipe | None) -> Any:
    """Returns the resizing of images: a given flag wins over the recipe."""
    from deeplab_tf.inference.build_predictor import ImageSize

    data = DataConfig() if recipe is None else recipe.data
    names = [field.name for field in dataclasses.fields(ImageSize)]
    return ImageSize(
        **{
            name: flags.value(name) if flags.is_given(name) else getattr(data, name)
            for name in names
        }
    )


def equal_size_batches(
    examples: Iterable[dict[str, Any]], *, batch_size: int
) -> Iterator[Example]:
    """Yields neighbours of equal image size together, at most `batch_size` of them.

    Images of different sizes never share a batch, so that a network of several images
    at once gives the labels that it gives to each alone.

    Args:
        examples: dictionaries of arrays, with `image`.
        batch_size: largest number of examples in a batch.

    Yields:
        The same dictionaries with a batch axis in front.
    """
    group: list[dict[str, np.ndarray]] = []
    for example in examples:
        arrays = {name: np.asarray(value) for name, value in example.items()}
        is_full = len(group) == batch_size
        if group and (is_full or arrays["image"].shape != group[0]["image"].shape):
            yield _stack(group)
            group = []
        group.append(arrays)
    if group:
        yield _stack(group)


def _stack(group: list[dict[str, np.ndarray]]) -> Example:
    stacked = {name: np.stack([item[name] for item in group]) for name in group[0]}
    return cast(Example, stacked)
