# Licensed under the Apache License, Version 2.0.
import dataclasses
import logging
import os
import re
import signal
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import models
from deeplab_tf.checkpoints.load import load_checkpoint
from deeplab_tf.data import sources
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.recipes import list_recipes
from deeplab_tf.training import checkpointing, history, loop, train, validation
from tests.training import toy_run
from tests.training.test_callbacks import read_events


@pytest.fixture(autouse=True)
def toy_models(monkeypatch):
    monkeypatch.setattr(models, "build_model", toy_run.build_toy_model)


def train_toy(workdir, *, recipe=None, **options):
    return train.train(
        recipe or toy_run.toy_recipe(),
        workdir=workdir,
        source=toy_run.toy_source("train"),
        eval_source=toy_run.toy_source("val"),
        **options,
    )


class AtStep(keras.callbacks.Callback):
    def __init__(self, step, act):
        super().__init__()
        self._step = step
        self._act = act

    def on_train_batch_end(self, batch, logs=None):
        if batch == self._step:
            self._act(self.model)


def steps_of(folder):
    return [int(p.rpartition("-")[2]) for p in checkpointing.list_checkpoints(folder)]


@pytest.mark.slow
def test_train_leaves_checkpoints_recipe_curve_and_events(tmp_path):
    lines = []
    recipe = toy_run.toy_recipe(eval_interval_steps=4, keep_checkpoints=2)
    result = train_toy(tmp_path, recipe=recipe, write=lines.append)
    assert result.step == 6
    assert np.isfinite(result.loss)
    assert result.interrupted_by is None
    assert result.checkpoint == str(tmp_path / "model.ckpt-6")
    assert steps_of(tmp_path) == [4, 6]
    assert checkpointing.read_config(tmp_path) == recipe
    curve = history.read_history(tmp_path / "history.csv")
    assert [row["step"] for row in curve if "loss" in row] == [2, 4, 6]
    scores = {row["step"]: row["val_miou"] for row in curve if "val_miou" in row}
    assert list(scores) == [4, 6]
    assert result.best_miou == max(scores.values())
    assert scores[result.best_step] == result.best_miou
    assert steps_of(tmp_path / "best") == [result.best_step]
    assert checkpointing.read_config(result.best_checkpoint) == recipe
    assert [line.split()[1] for line in lines] == ["2/6", "4/6", "4/6", "6/6", "6/6"]
    events = read_events(tmp_path)
    assert {("loss", 2), ("learning_rate", 6), ("val_miou", 4)} <= events.keys()
    picture = events["image_labels_prediction/0", 4].tensor.string_val[2]
    assert tf.io.decode_png(picture).shape == (33, 99, 3)
    drawn = tf.io.decode_png((tmp_path / "curve.png").read_bytes())
    assert drawn.shape == (560, 960, 3)


@pytest.mark.slow
def test_train_goes_on_where_it_was_interrupted(tmp_path):
    lines = []
    stop = AtStep(3, lambda model: os.kill(os.getpid(), signal.SIGTERM))
    first = train_toy(tmp_path, callbacks=[stop])
    assert (first.step, first.interrupted_by) == (3, "SIGTERM")
    assert first.best_miou is None, "an interrupted run is not validated"
    assert steps_of(tmp_path)[-1] == 3
    second = train_toy(tmp_path, write=lines.append)
    assert (second.step, second.interrupted_by) == (6, None)
    assert lines[0] == f"Going on from {tmp_path / 'model.ckpt-3'}."
    third = train_toy(tmp_path)
    assert (third.step, third.loss) == (6, None)
    assert third.best_miou == second.best_miou


@pytest.mark.slow
def test_train_keeps_the_best_checkpoint(tmp_path, monkeypatch):
    scores = iter([0.3, 0.5, 0.4])
    monkeypatch.setattr(
        validation.Validation,
        "evaluate",
        lambda self, is_stopped: types.SimpleNamespace(mean_iou=next(scores)),
    )
    recipe = toy_run.toy_recipe(eval_interval_steps=2)
    result = train_toy(tmp_path, recipe=recipe)
    assert (result.best_step, result.best_miou) == (4, 0.5)
    assert steps_of(tmp_path / "best") == [4]


@pytest.mark.slow
def test_train_initializes_a_new_run_only(tmp_path):
    started_from = []

    def initialize(model):
        model.get_layer("logits").bias.assign(np.arange(6.0))
        started_from.append("given weights")

    recipe = toy_run.toy_recipe(steps=1)
    train_toy(tmp_path, recipe=recipe, initialize=initialize)
    train_toy(tmp_path, recipe=recipe, initialize=initialize)
    assert started_from == ["given weights"]
    bias = checkpointing.read_checkpoint(tmp_path)["model/logits/bias"]
    np.testing.assert_allclose(bias, np.arange(6.0), atol=0.5)


@pytest.mark.slow
def test_train_rejects_another_recipe_in_the_same_folder(tmp_path):
    train_toy(tmp_path)
    recipe = toy_run.toy_recipe(weight_decay=0.5, seed=9)
    with pytest.raises(ValueError, match="a run with other settings") as caught:
        train_toy(tmp_path, recipe=recipe)
    assert "train.weight_decay: 4e-05 there, 0.5 now" in str(caught.value)
    assert "train.seed: 1 there, 9 now" in str(caught.value)
    assert str(caught.value).count(" there, ") == 2


@pytest.mark.slow
def test_train_goes_on_with_more_steps(tmp_path):
    train_toy(tmp_path)
    recipe = toy_run.toy_recipe(steps=7, log_steps=1, save_interval_steps=7)
    assert train_toy(tmp_path, recipe=recipe).step == 7
    assert checkpointing.read_config(tmp_path).train.steps == 7


@pytest.mark.slow
def test_train_stops_at_a_bad_loss_and_keeps_the_last_good_checkpoint(tmp_path):
    def spoil(model):
        model.get_layer("logits").bias.assign(np.full(6, np.nan))

    recipe = toy_run.toy_recipe(save_interval_steps=1, log_steps=100)
    with pytest.raises(loop.NonFiniteLossError, match=r"step 4\. .*train_00000\d, "):
        train_toy(tmp_path, recipe=recipe, callbacks=[AtStep(3, spoil)])
    assert steps_of(tmp_path) == [1, 2, 3]
    for tensor in checkpointing.read_checkpoint(tmp_path).values():
        assert np.isfinite(tensor).all()


@pytest.mark.slow
def test_train_does_not_save_a_bad_last_step_on_a_signal(tmp_path):
    def spoil(model):
        model.get_layer("logits").bias.assign(np.full(6, np.nan))
        os.kill(os.getpid(), signal.SIGTERM)

    recipe = toy_run.toy_recipe(save_interval_steps=100, log_steps=100)
    with pytest.raises(loop.NonFiniteLossError):
        train_toy(tmp_path, recipe=recipe, callbacks=[AtStep(2, spoil)])
    assert steps_of(tmp_path) == []


def test_train_rejects_another_number_of_classes(tmp_path):
    recipe = toy_run.toy_recipe().override("model.num_classes=21")
    with pytest.raises(ValueError, match=r"21 classes .* 6: set model\.num_classes=6"):
        train_toy(tmp_path, recipe=recipe)


@pytest.mark.slow
@pytest.mark.parametrize("fine_tune_batch_norm", [True, False])
def test_train_moves_statistics_only_if_batch_norm_is_tuned(
    tmp_path, fine_tune_batch_norm
):
    recipe = toy_run.toy_recipe(steps=2, fine_tune_batch_norm=fine_tune_batch_norm)
    result = train_toy(tmp_path, recipe=recipe)
    moving_mean = checkpointing.read_checkpoint(result.checkpoint)[
        "model/norm/moving_mean"
    ]
    assert np.any(moving_mean != 0) == fine_tune_batch_norm


def test_build_loop_takes_the_ignore_label_of_the_data():
    recipe = toy_run.toy_recipe(loss=SoftmaxCrossEntropy(top_k_fraction=0.5))
    built = train.build_loop(
        recipe, ignore_label=11, strategy=tf.distribute.get_strategy()
    )
    assert built.loss == SoftmaxCrossEntropy(ignore_label=11, top_k_fraction=0.5)


def test_build_loop_leaves_the_global_precision_as_it_was():
    recipe = toy_run.toy_recipe(precision="mixed_bfloat16")
    built = train.build_loop(
        recipe, ignore_label=255, strategy=tf.distribute.get_strategy()
    )
    assert built.model.get_layer("conv").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("steps", "momentum", "warned"),
    [(99, 0.99, True), (100, 0.99, False), (5, 0.9997, True)],
)
def test_warn_of_slow_norm(caplog, steps, momentum, warned):
    recipe = toy_run.toy_recipe(steps=steps)
    style = dataclasses.replace(recipe.model.head_style, norm_momentum=momentum)
    model = dataclasses.replace(recipe.model, head_style=style)
    recipe = dataclasses.replace(recipe, model=model)
    with caplog.at_level(logging.WARNING):
        train.warn_of_slow_norm(recipe)
    assert ("fewer than 1 / (1 - norm_momentum)" in caplog.text) == warned
    caplog.clear()
    frozen = dataclasses.replace(recipe.train, fine_tune_batch_norm=False)
    train.warn_of_slow_norm(dataclasses.replace(recipe, train=frozen))
    assert not caplog.text


def replicas(number):
    return types.SimpleNamespace(num_replicas_in_sync=number)


def test_check_batch_size_wants_equal_shares():
    with pytest.raises(ValueError, match="multiple of the 3 replicas, got 4"):
        train.check_batch_size(toy_run.toy_recipe(), replicas(3))
    recipe = toy_run.toy_recipe(gradient_accumulation=4)
    train.check_batch_size(recipe, replicas(1))
    with pytest.raises(ValueError, match=r"2 replicas times .*, 4, got 4"):
        train.check_batch_size(recipe, replicas(2))


@pytest.mark.parametrize(
    ("options", "number", "is_shared", "expected"),
    [
        ({"batch_size": 8}, 1, False, None),
        ({"batch_size": 7}, 1, False, "7 images at a time"),
        ({"batch_size": 4, "fine_tune_batch_norm": False}, 1, False, None),
        ({"batch_size": 8}, 2, False, "4 images .* or give --synchronized_norm"),
        ({"batch_size": 8}, 2, True, None),
        (
            {"batch_size": 16, "gradient_accumulation": 4},
            2,
            True,
            "4 images .*=false, or lower --gradient_accumulation, or raise --train_ba",
        ),
    ],
)
def test_warn_of_small_batches(caplog, options, number, is_shared, expected):
    recipe = toy_run.toy_recipe(**options)
    style = dataclasses.replace(recipe.model.head_style, synchronized_norm=is_shared)
    model = dataclasses.replace(recipe.model, backbone_style=style, head_style=style)
    train.warn_of_small_batches(
        dataclasses.replace(recipe, model=model), replicas(number)
    )
    if expected is None:
        assert not caplog.text
    else:
        assert "--fine_tune_batch_norm=false" in caplog.text
        assert re.search(expected, caplog.text)


@pytest.mark.parametrize("recipe", list_recipes(), ids=lambda recipe: recipe.name)
def test_no_recipe_is_warned_of_small_batches_as_it_stands(caplog, recipe):
    train.warn_of_small_batches(recipe, replicas(1))
    assert not caplog.text


def test_hard_pixels_of_parts_are_warned_of(caplog):
    loss = SoftmaxCrossEntropy(top_k_fraction=0.5)
    train.warn_of_hard_pixels(toy_run.toy_recipe(loss=loss))
    assert not caplog.text
    train.warn_of_hard_pixels(toy_run.toy_recipe(loss=loss, gradient_accumulation=2))
    assert "each of the 2 parts" in caplog.text


@pytest.mark.slow
def test_moving_averages_are_saved_scored_and_loaded(tmp_path):
    lines = []
    recipe = toy_run.toy_recipe(moving_average_decay=0.9, eval_interval_steps=3)
    result = train_toy(tmp_path, recipe=recipe, write=lines.append)
    assert any("validation mIoU of the moving averages 0." in line for line in lines)
    tensors = checkpointing.read_checkpoint(result.best_checkpoint)
    model = toy_run.build_toy_model(recipe.model)
    report = load_checkpoint(model, result.best_checkpoint)
    assert "Moving averages of the weights from" in str(report)
    for weight in model.weights:
        key = f"model/{weight.path}"
        np.testing.assert_array_equal(
            weight.numpy(), tensors[f"{key}/ExponentialMovingAverage"]
        )
    # What validation scored is what a user loads.
    scoring = validation.Validation(
        model,
        recipe=recipe,
        info=train.read_dataset_info(recipe, None),
        source=toy_run.toy_source("val"),
    )
    assert scoring.evaluate().mean_iou == pytest.approx(result.best_miou, abs=1e-12)
    load_checkpoint(model, result.best_checkpoint, use_moving_averages=False)
    kernel = model.get_layer("conv").kernel.numpy()
    np.testing.assert_array_equal(kernel, tensors["model/conv/kernel"])
    average = tensors["model/conv/kernel/ExponentialMovingAverage"]
    assert np.abs(kernel - average).max() > 0


@pytest.mark.slow
def test_another_number_of_parts_goes_on_with_a_run(tmp_path):
    train_toy(tmp_path, recipe=toy_run.toy_recipe(steps=2))
    recipe = toy_run.toy_recipe(steps=4, gradient_accumulation=2)
    assert train_toy(tmp_path, recipe=recipe).step == 4


@pytest.mark.slow
def test_float16_goes_on_with_its_loss_scale(tmp_path):
    recipe = toy_run.toy_recipe(steps=2, precision="mixed_float16")
    train_toy(tmp_path, recipe=recipe)
    scale = "optimizer/loss_scale_optimizer/dynamic_scale"
    assert checkpointing.read_checkpoint(tmp_path)[scale] == 2.0**15
    recipe = dataclasses.replace(
        recipe, train=dataclasses.replace(recipe.train, steps=4)
    )
    assert train_toy(tmp_path, recipe=recipe).step == 4


def test_train_without_a_validation_split(tmp_path):
    recipe = toy_run.toy_recipe(steps=2).override("data.eval_split=")
    source = toy_run.toy_source("train")
    result = train.train(recipe, workdir=tmp_path, source=source)
    assert result.step == 2
    assert result.best_miou is None
    assert result.best_checkpoint is None


def test_open_eval_source_misses_a_split_only_if_it_was_asked_for(tmp_path, caplog):
    recipe = toy_run.toy_recipe()
    info = train.read_dataset_info(recipe, None)
    assert train.open_eval_source(recipe, data_dir=tmp_path, info=info) is None
    assert "not validated: " in caplog.text
    recipe = toy_run.toy_recipe(eval_interval_steps=2)
    with pytest.raises(FileNotFoundError, match="val"):
        train.open_eval_source(recipe, data_dir=tmp_path, info=info)


def test_validation_at_another_output_stride_uses_the_trained_weights(monkeypatch):
    built = []

    def build_model(config):
        built.append(config.backbone.output_stride)
        return toy_run.build_toy_model(config)

    monkeypatch.setattr(models, "build_model", build_model)
    recipe = toy_run.toy_recipe().override("evaluation.output_stride=8")
    info = train.read_dataset_info(recipe, None)
    model = models.build_model(recipe.model)
    scoring = validation.Validation(
        model, recipe=recipe, info=info, source=toy_run.toy_source("val")
    )
    assert built == [16, 8]
    bias = np.zeros(6)
    bias[2] = 1e6
    model.get_layer("logits").bias.assign(bias)
    assert scoring.evaluate().confusion_matrix[:, 2].sum() > 0
    bias[2], bias[4] = 0, 1e6
    model.get_layer("logits").bias.assign(bias)
    matrix = scoring.evaluate().confusion_matrix
    assert matrix[:, 4].sum() == matrix.sum() > 0


def test_validation_ends_when_it_is_stopped():
    recipe = toy_run.toy_recipe()
    scoring = validation.Validation(
        toy_run.build_toy_model(recipe.model),
        recipe=recipe,
        info=train.read_dataset_info(recipe, None),
        source=toy_run.toy_source("val"),
    )
    assert scoring.evaluate(is_stopped=lambda: True) is None
    assert scoring.evaluate().num_images == 10


def test_validation_without_labels_is_left_out_or_an_error(monkeypatch):
    recipe = toy_run.toy_recipe()
    images = sources.synthetic_source("val", num_examples=2, image_size=33)
    unlabelled = dataclasses.replace(images, has_labels=False)
    monkeypatch.setattr(sources, "open_source", lambda *_, **__: unlabelled)
    info = train.read_dataset_info(recipe, None)
    assert train.open_eval_source(recipe, data_dir=None, info=info) is None
    asked = toy_run.toy_recipe(eval_interval_steps=2)
    with pytest.raises(ValueError, match="needs labels"):
        train.open_eval_source(asked, data_dir=None, info=info)
