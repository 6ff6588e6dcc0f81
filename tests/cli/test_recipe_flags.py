# Licensed under the Apache License, Version 2.0.
import dataclasses

import pytest

from deeplab_tf.cli import recipe_flags
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.train import (
    AdamConfig,
    CosineSchedule,
    MomentumConfig,
    PolySchedule,
    SlowStart,
    StepSchedule,
)
from deeplab_tf.recipes import get_recipe
from tests.cli.command import parsed_flags


def build(*arguments, base=None, num_classes=21):
    with parsed_flags("train", *arguments):
        return recipe_flags.build_recipe(num_classes=num_classes, base=base)


def test_without_flags_the_defaults_of_the_original_hold():
    recipe = build()
    assert isinstance(recipe.model, DeepLabV3Config)
    assert recipe.model.num_classes == 21
    assert recipe.model.backbone.output_stride == 16
    assert recipe.model.aspp.atrous_rates == ()
    assert recipe.data.crop_size == (513, 513)
    assert recipe.data.train_split == "train"
    assert (recipe.data.min_scale_factor, recipe.data.max_scale_factor) == (0.5, 2.0)
    assert recipe.train.steps == 30000
    assert recipe.train.batch_size == 8
    assert recipe.train.weight_decay == 0.00004
    assert recipe.train.schedule == PolySchedule(learning_rate=0.0001)
    assert recipe.train.optimizer == MomentumConfig(momentum=0.9)
    assert recipe.train.loss.upsample_logits
    assert recipe.train.loss.top_k_fraction == 1.0


def test_drop_path_is_that_of_the_backbone():
    given = ["--drop_path_keep_prob=0.9"]
    recipe = build("--model_variant=nas_hnasnet", "--output_stride=8", *given)
    assert recipe.model.backbone.drop_path_keep_prob == 0.9
    assert build(*given, base=recipe).model == recipe.model


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], None),
        (["--train_batch_size=32", "--gradient_accumulation=2"], None),
        (["--train_batch_size=8"], "on 8 images at a time, and in the recipe on 16"),
        (["--set=train.gradient_accumulation=4"], "on 4 images at a time"),
        (["--train_batch_size=8", "--fine_tune_batch_norm=false"], None),
    ],
)
def test_a_smaller_batch_than_the_recipe_takes_is_warned_of(
    caplog, arguments, expected
):
    build(*arguments, base=get_recipe("deeplab_v3_mobilenet_v2_voc2012"))
    if expected is None:
        assert not caplog.text
    else:
        assert expected in caplog.text
        assert "--fine_tune_batch_norm=false" in caplog.text


def test_flags_reach_their_fields():
    recipe = build(
        "--decoder_output_stride=4",
        "--atrous_rates=6",
        "--atrous_rates=12",
        "--train_crop_size=129,193",
        "--learning_policy=step",
        "--base_learning_rate=0.01",
        "--learning_rate_decay_factor=0.5",
        "--learning_rate_decay_step=7",
        "--slow_start_step=5",
        "--slow_start_learning_rate=0.002",
        "--optimizer=adam",
        "--adam_learning_rate=0.3",
        "--top_k_percent_pixels=0.25",
        "--hard_example_mining_step=100",
        "--label_weights=0.5",
        "--label_weights=2.0",
        "--last_layer_gradient_multiplier=10",
        "--fine_tune_batch_norm=false",
        num_classes=2,
    )
    assert isinstance(recipe.model, DeepLabV3PlusConfig)
    assert recipe.model.aspp.atrous_rates == (6, 12)
    assert recipe.data.crop_size == (129, 193)
    assert recipe.train.schedule == StepSchedule(
        learning_rate=0.01,
        decay_factor=0.5,
        decay_every_steps=7,
        slow_start=SlowStart(steps=5, learning_rate=0.002),
    )
    assert recipe.train.optimizer == AdamConfig(learning_rate=0.3, epsilon=1e-8)
    assert recipe.train.loss.top_k_fraction == 0.25
    assert recipe.train.loss.hard_example_mining_steps == 100
    assert recipe.train.loss.class_weights == (0.5, 2.0)
    assert recipe.train.last_layer_gradient_multiplier == 10
    assert recipe.train.fine_tune_batch_norm is False


def test_only_given_flags_change_a_recipe():
    base = get_recipe("deeplab_v3plus_mobilenet_v2_shapes")
    assert build(base=base, num_classes=6) == base
    changed = build(
        "--train_batch_size=8", "--learning_policy=cosine", base=base, num_classes=6
    )
    assert changed.train.batch_size == 8
    assert isinstance(changed.train.schedule, CosineSchedule)
    assert changed.train.steps == base.train.steps
    assert changed.model == base.model


def test_flags_of_our_own_change_what_they_name_alone():
    assert build().train == dataclasses.replace(
        build("--moving_average_decay=0.99").train, moving_average_decay=0.0
    )
    for base in (None, get_recipe("deeplab_v3plus_mobilenet_v2_shapes")):
        recipe = build(
            "--train_batch_size=6",
            "--gradient_accumulation=3",
            "--clip_norm=2.5",
            "--moving_average_decay=0.99",
            "--precision=mixed_bfloat16",
            "--synchronized_norm",
            base=base,
            num_classes=6,
        )
        assert (recipe.train.batch_size, recipe.train.gradient_accumulation) == (6, 3)
        assert (recipe.train.clip_norm, recipe.train.moving_average_decay) == (
            2.5,
            0.99,
        )
        assert recipe.train.precision == "mixed_bfloat16"
        assert recipe.model.backbone_style.synchronized_norm
        assert recipe.model.head_style.synchronized_norm


def test_fields_of_adam_can_be_set():
    recipe = build(
        "--optimizer=adam",
        "--set=train.optimizer.beta_2=0.98",
        "--set=train.optimizer.weight_decay=0.05",
        "--set=train.weight_decay=0",
    )
    assert recipe.train.optimizer == AdamConfig(beta_2=0.98, weight_decay=0.05)
    assert recipe.train.weight_decay == 0


def test_a_given_crop_is_that_of_the_validation_too():
    base = get_recipe("deeplab_v3plus_mobilenet_v2_shapes")
    recipe = build("--train_crop_size=65,65", base=base, num_classes=6)
    assert recipe.evaluation.crop_size == (65, 65)
    # Set wins, as the last word.
    recipe = build(
        "--train_crop_size=65,65",
        "--set=evaluation.crop_size=81,81",
        base=base,
        num_classes=6,
    )
    assert recipe.evaluation.crop_size == (81, 81)


def test_another_stride_changes_the_rates_of_a_recipe():
    base = get_recipe("deeplab_v3plus_mobilenet_v2_shapes")
    recipe = build("--output_stride=8", base=base, num_classes=6)
    doubled = tuple(2 * rate for rate in base.model.aspp.atrous_rates)
    assert base.model.backbone.output_stride == 16
    assert recipe.model.aspp.atrous_rates == doubled
    recipe = build("--output_stride=8", "--atrous_rates=3", base=base, num_classes=6)
    assert recipe.model.aspp.atrous_rates == (3,)


def test_a_flag_without_effect_is_warned_of(caplog):
    build("--optimizer=adam", "--momentum=0.5", "--learning_policy=poly")
    assert caplog.messages == [
        "--momentum has no effect: the optimizer is AdamConfig. Give --optimizer too."
    ]
    caplog.clear()
    build("--learning_policy=cosine", "--learning_power=2", "--base_learning_rate=1")
    assert caplog.messages == [
        "--learning_power has no effect: the learning_policy is CosineSchedule. Give "
        "--learning_policy too."
    ]


def test_a_field_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="Unknown field 'stepz'"):
        build("--set=train.stepz=3")
