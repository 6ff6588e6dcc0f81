# Licensed under the Apache License, Version 2.0.
"""From the flags of train.py to a recipe.

A flag that was given wins over the recipe; without a recipe the original's defaults
hold, so that its documented command lines mean what they meant.
"""

import dataclasses
import logging
from typing import Any

from absl import flags as absl_flags

from deeplab_tf.cli import flags, model_options
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import ModelConfig, Recipe
from deeplab_tf.config.train import (
    PRECISIONS,
    AdamConfig,
    CosineSchedule,
    MomentumConfig,
    PolySchedule,
    SlowStart,
    StepSchedule,
    TrainConfig,
)

log = logging.getLogger(__name__)

# Flag of the original -> field of a configuration.
_DATA_FIELDS = {
    "dataset": "dataset",
    "train_split": "train_split",
    "train_crop_size": "crop_size",
    "min_resize_value": "min_resize_value",
    "max_resize_value": "max_resize_value",
    "resize_factor": "resize_factor",
    "keep_aspect_ratio": "keep_aspect_ratio",
    "min_scale_factor": "min_scale_factor",
    "max_scale_factor": "max_scale_factor",
    "scale_factor_step_size": "scale_factor_step_size",
}
_TRAIN_FIELDS = {
    "training_number_of_steps": "steps",
    "train_batch_size": "batch_size",
    "weight_decay": "weight_decay",
    "last_layer_gradient_multiplier": "last_layer_gradient_multiplier",
    "last_layers_contain_logits_only": "last_layers_contain_logits_only",
    "fine_tune_batch_norm": "fine_tune_batch_norm",
    "log_steps": "log_steps",
}
# Flags of our own, which change nothing where they are not given.
_OWN_TRAIN_FIELDS = {
    "gradient_accumulation": "gradient_accumulation",
    "clip_norm": "clip_norm",
    "moving_average_decay": "moving_average_decay",
    "precision": "precision",
}
_LOSS_FIELDS = {
    "label_weights": "class_weights",
    "top_k_percent_pixels": "top_k_fraction",
    "hard_example_mining_step": "hard_example_mining_steps",
    "upsample_logits": "upsample_logits",
}
_SLOW_START_FIELDS = {
    "slow_start_step": "steps",
    "slow_start_learning_rate": "learning_rate",
}
_SCHEDULES: dict[str, tuple[type, dict[str, str]]] = {
    "poly": (
        PolySchedule,
        {
            "base_learning_rate": "learning_rate",
            "learning_power": "power",
            "end_learning_rate": "end_learning_rate",
            "decay_steps": "decay_steps",
        },
    ),
    "step": (
        StepSchedule,
        {
            "base_learning_rate": "learning_rate",
            "learning_rate_decay_factor": "decay_factor",
            "learning_rate_decay_step": "decay_every_steps",
        },
    ),
    "cosine": (
        CosineSchedule,
        {"base_learning_rate": "learning_rate", "decay_steps": "decay_steps"},
    ),
}
_OPTIMIZERS: dict[str, tuple[type, dict[str, str]]] = {
    "momentum": (MomentumConfig, {"momentum": "momentum"}),
    "adam": (
        AdamConfig,
        {"adam_learning_rate": "learning_rate", "adam_epsilon": "epsilon"},
    ),
}


def define() -> None:
    """Defines --recipe and --set."""
    absl_flags.DEFINE_string("recipe", None, "Name of a recipe to start from.")
    absl_flags.DEFINE_multi_string(
        "set", [], "Field of the recipe to change, a.b=value; repeated."
    )


def define_training() -> None:
    """Defines flags of the training that the original does not have."""
    absl_flags.DEFINE_integer(
        "gradient_accumulation",
        None,
        "Parts of a batch that run one after the other, for less memory.",
    )
    absl_flags.DEFINE_float(
        "clip_norm", None, "Largest norm of all gradients together; 0 clips nothing."
    )
    absl_flags.DEFINE_float(
        "moving_average_decay",
        None,
        "Decay of moving averages of the weights, as 0.999; 0 keeps none.",
    )
    absl_flags.DEFINE_enum(
        "precision", None, PRECISIONS, "Type of numbers in which the network computes."
    )
    absl_flags.DEFINE_boolean(
        "synchronized_norm", None, "Take batch norm's statistics over all devices."
    )


def build_recipe(
    *,
    num_classes: int | None,
    base: Recipe | None = None,
    network: ModelConfig | None = None,
) -> Recipe:
    """Returns the recipe that the flags describe.

    Args:
        num_classes: of the data set; None where only a recipe says it.
        base: the recipe to start from; None starts from the original's defaults.
        network: what stands for the original's default network, as of --pretrained.

    Raises:
        ValueError: flags contradict each other or the recipe.
    """
    bare = base is None
    recipe = base or _empty_recipe(num_classes)
    if bare and network is not None:
        recipe = dataclasses.replace(recipe, model=network)
    recipe = dataclasses.replace(
        recipe,
        model=_model(
            recipe.model, bare=bare and network is None, num_classes=num_classes
        ),
        data=_replace(recipe.data, _DATA_FIELDS, bare=bare),
        train=_train(recipe.train, bare=bare),
    )
    if flags.is_given("train_crop_size") and not bare:
        # Where nobody says otherwise, validation pads to what training crops.
        crop_size = recipe.data.crop_size
        recipe = dataclasses.replace(
            recipe,
            evaluation=dataclasses.replace(recipe.evaluation, crop_size=crop_size),
        )
    recipe = recipe.override(
        *flags.FLAGS.set, keep_rates=flags.is_given("atrous_rates")
    )
    if base is not None:
        _warn_of_fewer_images(recipe.train, base.train)
    return recipe


def _warn_of_fewer_images(config: TrainConfig, base: TrainConfig) -> None:
    """Warns if batch norm is trained on fewer images at a time than in a recipe."""
    images, wanted = (c.batch_size // c.gradient_accumulation for c in (config, base))
    is_trained = config.fine_tune_batch_norm and base.fine_tune_batch_norm
    if is_trained and images < wanted:
        log.warning(
            "Batch norm is trained on %d images at a time, and in the recipe on %d: "
            "its score is that of the larger batch. Start from a checkpoint with "
            "--fine_tune_batch_norm=false, or raise --train_batch_size.",
            images,
            wanted,
        )


def _empty_recipe(num_classes: int | None) -> Recipe:
    options = {} if num_classes is None else {"num_classes": num_classes}
    return Recipe(
        name="flags",
        source="The flags and defaults of research/deeplab.",
        model=model_options.build_config(options),
        data=DataConfig(),
        train=TrainConfig(save_interval_steps=0),
        evaluation=EvaluationConfig(),
    )


def _model(model: ModelConfig, *, bare: bool, num_classes: int | None) -> ModelConfig:
    given: dict[str, Any] = flags.given_model_options()
    if flags.is_given("drop_path_keep_prob"):
        given["drop_path_keep_prob"] = flags.value("drop_path_keep_prob")
    if num_classes is not None:
        given["num_classes"] = num_classes
    if bare:
        model = model_options.build_config(given)
    else:
        model = model_options.change_config(model, given)
    if not flags.is_given("synchronized_norm"):
        return model
    styles = {
        name: dataclasses.replace(
            getattr(model, name), synchronized_norm=flags.FLAGS.synchronized_norm
        )
        for name in ("backbone_style", "head_style")
    }
    return dataclasses.replace(model, **styles)


def _train(config: TrainConfig, *, bare: bool) -> TrainConfig:
    from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy

    # Together: batch size and number of parts must fit each other.
    config = dataclasses.replace(
        config, **_changes(_TRAIN_FIELDS, bare=bare), **_changes(_OWN_TRAIN_FIELDS)
    )
    schedule: Any = config.schedule
    if bare or flags.is_given("learning_policy"):
        cls, _ = _SCHEDULES[flags.value("learning_policy")]
        if not isinstance(schedule, cls):
            schedule = cls(learning_rate=flags.value("base_learning_rate"))
    for cls, fields in _SCHEDULES.values():
        if isinstance(schedule, cls):
            schedule = _replace(schedule, fields, bare=bare)
    slow_start = _replace(
        getattr(schedule, "slow_start", SlowStart()), _SLOW_START_FIELDS, bare=bare
    )
    schedule = dataclasses.replace(schedule, slow_start=slow_start)
    optimizer: Any = config.optimizer
    if bare or flags.is_given("optimizer"):
        cls, _ = _OPTIMIZERS[flags.value("optimizer")]
        if not isinstance(optimizer, cls):
            optimizer = cls()
    for cls, fields in _OPTIMIZERS.values():
        if isinstance(optimizer, cls):
            optimizer = _replace(optimizer, fields, bare=bare)
    _warn_of_unused(schedule, _SCHEDULES, choice="learning_policy")
    _warn_of_unused(optimizer, _OPTIMIZERS, choice="optimizer")
    loss = _replace(config.loss or SoftmaxCrossEntropy(), _LOSS_FIELDS, bare=bare)
    return dataclasses.replace(
        config, schedule=schedule, optimizer=optimizer, loss=loss
    )


def _warn_of_unused(
    config: Any, table: dict[str, tuple[type, dict[str, str]]], *, choice: str
) -> None:
    """Warns of given flags that belong to another kind of configuration."""
    used = [set(fields) for cls, fields in table.values() if isinstance(config, cls)]
    names = {name for _, fields in table.values() for name in fields}
    for name in sorted(names.difference(*used)):
        if flags.is_given(name):
            log.warning(
                "--%s has no effect: the %s is %s. Give --%s too.",
                name,
                choice,
                type(config).__name__,
                choice,
            )


def _replace(config: Any, fields: dict[str, str], *, bare: bool) -> Any:
    """Returns a configuration with the fields set whose flags are given, or all."""
    return dataclasses.replace(config, **_changes(fields, bare=bare))


def _changes(fields: dict[str, str], *, bare: bool = False) -> dict[str, Any]:
    """Returns the values of the flags that are given, or of all, by field."""
    changes: dict[str, Any] = {}
    for name, field in fields.items():
        if not (bare or flags.is_given(name)):
            continue
        value = flags.value(name)
        if name == "train_crop_size":
            value = flags.size(name)
        if name == "decay_steps":
            value = int(value)
        if name == "label_weights":
            value = value or ()
        changes[field] = value
    return changes
