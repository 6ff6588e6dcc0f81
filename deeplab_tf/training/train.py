# Licensed under the Apache License, Version 2.0.
"""Training from a recipe: build, restore, run, validate, save."""

import contextlib
import dataclasses
import logging
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf import models
from deeplab_tf.config import serialization
from deeplab_tf.config.nasnet import NASNetConfig
from deeplab_tf.config.recipe import ModelConfig, Recipe
from deeplab_tf.config.train import TrainConfig
from deeplab_tf.data import dataset_json, pipeline, sources
from deeplab_tf.data.catalog import DatasetInfo
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.training import checkpointing
from deeplab_tf.training import strategy as strategies
from deeplab_tf.training.folder_lock import lock_folder
from deeplab_tf.training.loop import TrainLoop
from deeplab_tf.training.run import Run, TrainResult
from deeplab_tf.training.validation import Validation

log = logging.getLogger(__name__)

# A run may go on with other values of these; whole names, and all below a dot.
_FREE_FIELDS = (
    "name",
    "source",
    "expected",
    "evaluation.",
    "data.eval_split",
    "train.gradient_accumulation",
    "train.steps",
    "train.log_steps",
    "train.save_interval_steps",
    "train.eval_interval_steps",
    "train.max_eval_examples",
    "train.keep_checkpoints",
)

# The default batch of research/deeplab and that of our smallest recipe. The advice of
# research/deeplab/train.py is 12.
_MIN_NORM_IMAGES = 8


def train(
    recipe: Recipe,
    *,
    workdir: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    info: DatasetInfo | None = None,
    source: sources.Source | None = None,
    eval_source: sources.Source | None = None,
    strategy: tf.distribute.Strategy | None = None,
    deterministic: bool = False,
    initialize: Callable[[keras.Model], Any] | None = None,
    save_interval_seconds: float = 0.0,
    write: Callable[[str], None] = log.info,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> TrainResult:
    """Trains the network of a recipe, or goes on where a run in `workdir` stopped.

    Args:
        recipe: network, data and numbers.
        workdir: takes checkpoints, `config.json`, `dataset.json`, `history.csv`,
            TensorBoard's events and the best checkpoint in `best`.
        data_dir: folder of the records; None needs `source` or a data set that makes
            its own examples.
        source: training examples in place of those of `data_dir`.
        info: what is known of the data; None reads `dataset.json`, else the
            catalogue.
        eval_source: validation examples likewise; without them and with an empty
            `data.eval_split` nothing is validated.
        strategy: the devices; None is one device.
        deterministic: whether repeated and interrupted runs give the same weights bit
            for bit (on the same machine); slower. Holds for the rest of the process.
        initialize: sets the weights that a new run starts from; not called when a run
            goes on.
        save_interval_seconds: saves by time too; 0 does not.
        write: takes the lines of progress.
        callbacks: Keras callbacks that are called at each step.

    Raises:
        NonFiniteLossError: the loss was not finite; the last checkpoint stays.
        ValueError: recipe, data and folder do not fit together.
        OSError: a file could not be read or written.
    """
    started = time.monotonic()
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(recipe.train.seed)
    strategy = strategy or strategies.build_strategy("one")
    check_batch_size(recipe, strategy)
    warn_of_slow_norm(recipe)
    warn_of_small_batches(recipe, strategy)
    warn_of_hard_pixels(recipe)
    check_folders(workdir, data_dir)
    if checkpointing.latest_checkpoint(workdir) is not None:
        check_same_recipe(recipe, workdir)
    if info is None:
        info = read_dataset_info(recipe, data_dir)
    check_num_classes(recipe, info)
    if source is None:
        source = sources.open_source(data_dir, split=recipe.data.train_split, info=info)
    if eval_source is None:
        eval_source = open_eval_source(recipe, data_dir=data_dir, info=info)
    loop = build_loop(recipe, ignore_label=info.ignore_label, strategy=strategy)
    validation = None
    if eval_source is not None:
        validation = Validation(
            loop.model,
            recipe=recipe,
            info=info,
            source=eval_source,
            moving_average=loop.moving_average,
        )
    with _writing_folder(workdir, strategy) as folder:
        # Only now: another run may have saved and removed checkpoints until here.
        _restore(loop, workdir=workdir, initialize=initialize, write=write)
        batches = pipeline.train_dataset(
            source,
            recipe.data,
            batch_size=recipe.train.batch_size,
            padding_pixel=recipe.model.backbone.padding_pixel,
            ignore_label=info.ignore_label,
            seed=recipe.train.seed,
            start_step=loop.step,
        )
        run = Run(recipe, loop=loop, validation=validation, folder=folder, write=write)
        run.info = info
        loss = run.train(
            batches, callbacks=callbacks, save_interval_seconds=save_interval_seconds
        )
        return run.result(loss=loss, seconds=time.monotonic() - started)


def _restore(
    loop: TrainLoop,
    *,
    workdir: str | os.PathLike,
    initialize: Callable[[keras.Model], Any] | None,
    write: Callable[[str], None],
) -> None:
    """Takes the last checkpoint of a folder, or sets the weights of a new run."""
    previous = checkpointing.latest_checkpoint(workdir)
    if previous is not None:
        loop.step = checkpointing.restore_checkpoint(
            loop.model,
            loop.optimizer,
            previous,
            moving_average=loop.moving_average,
        )
        write(f"Going on from {previous}.")
    elif initialize is not None:
        with loop.strategy.scope():
            initialize(loop.model)


def build_loop(
    recipe: Recipe, *, ignore_label: int, strategy: tf.distribute.Strategy
) -> TrainLoop:
    """Returns a recipe's network in its training loop, freshly initialised.

    Args:
        recipe: network, loss, optimizer, precision.
        ignore_label: the data set's, which replaces that of the loss, as the head's
            way of resizing does.
        strategy: the devices.
    """
    config = recipe.model
    if not recipe.train.fine_tune_batch_norm:
        config = with_frozen_norm(config)
    config = with_drop_path_ramp(config, recipe.train)
    loss = recipe.train.loss or SoftmaxCrossEntropy()
    resize = config.head_style.resize
    if (loss.ignore_label, loss.resize) != (ignore_label, resize):
        loss = dataclasses.replace(loss, ignore_label=ignore_label, resize=resize)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.train.precision)
    try:
        with strategy.scope():
            model = models.build_model(config)
    finally:
        keras.config.set_dtype_policy(policy)
    return TrainLoop(model, config=recipe.train, loss=loss, strategy=strategy)


def with_frozen_norm(config: ModelConfig) -> ModelConfig:
    """Returns the configuration with batch norm's moving statistics left alone."""
    return dataclasses.replace(
        config,
        backbone_style=dataclasses.replace(config.backbone_style, train_norm=False),
        head_style=dataclasses.replace(config.head_style, train_norm=False),
    )


def with_drop_path_ramp(config: ModelConfig, train: TrainConfig) -> ModelConfig:
    """Returns the configuration with the ramp of drop path in training calls.

    A step calls a backbone once for each part of its batch and scale of its pyramid.
    """
    backbone = config.backbone
    if not isinstance(backbone, NASNetConfig) or backbone.drop_path_keep_prob == 1:
        return config
    scales = 1 if config.image_pyramid is None else len(config.image_pyramid.scales)
    steps = backbone.drop_path_steps or train.steps
    calls = steps * train.gradient_accumulation * scales
    backbone = dataclasses.replace(backbone, drop_path_steps=calls)
    return dataclasses.replace(config, backbone=backbone)


def read_dataset_info(
    recipe: Recipe, data_dir: str | os.PathLike | None
) -> DatasetInfo:
    """Returns what is known of the data: `dataset.json`, else the catalogue."""
    return dataset_json.load_dataset_info(data_dir, default_name=recipe.data.dataset)


def check_folders(
    workdir: str | os.PathLike, data_dir: str | os.PathLike | None
) -> None:
    """Raises ValueError if a run would write among the records that it reads."""
    if data_dir and os.path.realpath(workdir) == os.path.realpath(data_dir):
        raise ValueError(
            f"The folder of the run and that of the records are both {workdir}: give "
            f"the run a folder of its own, for it writes a dataset.json too."
        )


def check_num_classes(recipe: Recipe, info: DatasetInfo) -> None:
    """Raises ValueError if network and data set have other numbers of classes."""
    if recipe.model.num_classes != info.num_classes:
        raise ValueError(
            f"The network has {recipe.model.num_classes} classes and the data set "
            f"{info.name!r} {info.num_classes}: set model.num_classes="
            f"{info.num_classes}."
        )


def open_eval_source(
    recipe: Recipe, *, data_dir: str | os.PathLike | None, info: DatasetInfo
) -> sources.Source | None:
    """Returns the validation split, or None where there is nothing to validate on.

    Without intervals of validation, as with the flags of research/deeplab, records of
    the training split alone are enough.

    Raises:
        FileNotFoundError: a validation was asked for, and the split is not there.
        ValueError: a validation was asked for, and the split has no labels.
    """
    split = recipe.data.eval_split
    if not split:
        return None
    try:
        source = sources.open_source(data_dir, split=split, info=info)
        if not source.has_labels:
            raise ValueError(f"Validation needs labels, and {source.name} has none.")
        return source
    except (FileNotFoundError, ValueError) as error:
        if recipe.train.eval_interval_steps:
            raise
        log.warning("The training is not validated: %s", error)
        return None


def check_batch_size(recipe: Recipe, strategy: tf.distribute.Strategy) -> None:
    """Raises ValueError unless all replicas get equally many equal parts."""
    replicas = strategy.num_replicas_in_sync
    parts = recipe.train.gradient_accumulation
    if recipe.train.batch_size % (replicas * parts):
        each = f" times gradient_accumulation, {parts}" if parts > 1 else ""
        raise ValueError(
            f"train.batch_size must be a multiple of the {replicas} replicas{each}, "
            f"got {recipe.train.batch_size}."
        )


def warn_of_slow_norm(recipe: Recipe) -> None:
    """Logs a warning if the moving statistics cannot forget their start."""
    if not recipe.train.fine_tune_batch_norm:
        return
    for name in ("backbone_style", "head_style"):
        style = getattr(recipe.model, name)
        needed = 1 / (1 - style.norm_momentum)
        # Rounded: 1 / (1 - 0.99) is a little over 100.
        if style.train_norm and recipe.train.steps < round(needed, 6):
            log.warning(
                "%d steps are fewer than 1 / (1 - norm_momentum) = %.0f: the moving "
                "statistics of batch norm stay near their start, and evaluation will "
                "be wrong. Set model.%s.norm_momentum to %.3g or less.",
                recipe.train.steps,
                needed,
                name,
                max(0.5, 1 - 5 / recipe.train.steps),
            )


def warn_of_small_batches(recipe: Recipe, strategy: tf.distribute.Strategy) -> None:
    """Logs a warning if the statistics of batch norm are those of a few images."""
    config, replicas = recipe.train, strategy.num_replicas_in_sync
    styles = (recipe.model.backbone_style, recipe.model.head_style)
    trained = [style for style in styles if style.train_norm]
    if not config.fine_tune_batch_norm or not trained:
        return
    is_shared = all(style.synchronized_norm for style in trained)
    images = config.batch_size // config.gradient_accumulation
    images //= 1 if is_shared else replicas
    if images >= _MIN_NORM_IMAGES:
        return
    advice = ["start from a checkpoint with --fine_tune_batch_norm=false"]
    if replicas > 1 and not is_shared:
        advice.append("give --synchronized_norm")
    if config.gradient_accumulation > 1:
        advice.append("lower --gradient_accumulation")
    advice.append("raise --train_batch_size")
    log.warning(
        "Batch norm's statistics are those of %d image%s at a time, and want at least "
        "%d, better 12: %s.",
        images,
        "" if images == 1 else "s",
        _MIN_NORM_IMAGES,
        ", or ".join(advice),
    )


def warn_of_hard_pixels(recipe: Recipe) -> None:
    """Logs a warning if hard pixels are not those of the whole batch."""
    parts = recipe.train.gradient_accumulation
    if parts > 1 and getattr(recipe.train.loss, "top_k_fraction", 1) < 1:
        log.warning(
            "Hard pixels are chosen within each of the %d parts of a batch "
            "(gradient_accumulation), and not within the whole batch.",
            parts,
        )


def check_same_recipe(recipe: Recipe, folder: str | os.PathLike) -> None:
    """Raises ValueError if a folder's checkpoints belong to another recipe.

    The fields of `_FREE_FIELDS` may differ.
    """
    if not (pathlib.Path(folder) / checkpointing.CONFIG_FILE).is_file():
        return
    saved = _flatten(serialization.to_dict(checkpointing.read_config(folder)))
    wanted = _flatten(serialization.to_dict(recipe))
    changes = [
        f"{name}: {saved.get(name)!r} there, {wanted.get(name)!r} now"
        for name in sorted(saved.keys() | wanted.keys())
        if saved.get(name) != wanted.get(name) and not _is_free(name)
    ]
    if changes:
        raise ValueError(
            f"{folder} holds a run with other settings; give them back, or take "
            f"another folder:\n  " + "\n  ".join(changes)
        )


def _is_free(name: str) -> bool:
    """Returns whether a run may go on with another value of a field."""
    return any(
        name.startswith(free) if free.endswith(".") else name == free
        for free in _FREE_FIELDS
    )


def _flatten(config: Any, path: str = "") -> dict[str, Any]:
    """Returns the leaves of nested dicts by dotted path."""
    if not isinstance(config, Mapping):
        return {path: config}
    leaves: dict[str, Any] = {}
    for name, value in config.items():
        leaves |= _flatten(value, f"{path}.{name}" if path else name)
    return leaves


@contextlib.contextmanager
def _writing_folder(
    workdir: str | os.PathLike, strategy: tf.distribute.Strategy
) -> Iterator[str | os.PathLike]:
    """Yields where a process writes: for all but the first worker, nowhere lasting."""
    if strategies.is_chief(strategy):
        with lock_folder(workdir):
            yield workdir
        return
    with tempfile.TemporaryDirectory() as folder:
        yield folder
