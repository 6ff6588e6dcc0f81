# Licensed under the Apache License, Version 2.0.
import dataclasses
import sys
import types

import numpy as np
import pytest

from deeplab_tf.cli import prediction_flags
from deeplab_tf.cli.dataset_flags import dataset_info
from deeplab_tf.cli.prediction_flags import SplitFlags
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import Recipe
from tests.cli.command import parsed_flags

NAMES = SplitFlags(
    split="eval_split", crop_size="eval_crop_size", batch_size="eval_batch_size"
)
RECIPE = Recipe(
    name="r",
    model=DeepLabV3Config(),
    data=DataConfig(
        dataset="camvid", eval_split="test", min_resize_value=99, max_resize_value=199
    ),
    evaluation=EvaluationConfig(crop_size=(33, 65), scales=(0.5, 1.0), flip=True),
)


def test_a_run_that_watched_no_split_is_judged_on_the_default():
    data = dataclasses.replace(RECIPE.data, eval_split="")
    recipe = dataclasses.replace(RECIPE, data=data)
    with parsed_flags("eval"):
        info = dataset_info(recipe)
        assert prediction_flags.data_config(recipe, info, NAMES).eval_split == "val"


def sized(*sizes):
    return [{"image": np.full([s, s, 3], n)} for n, s in enumerate(sizes)]


def test_batches_hold_neighbours_of_equal_size_in_order():
    batches = list(
        prediction_flags.equal_size_batches(sized(5, 5, 5, 7, 5), batch_size=2)
    )
    assert [batch["image"].shape[:2] for batch in batches] == [
        (2, 5),
        (1, 5),
        (1, 7),
        (1, 5),
    ]
    firsts = [int(image[0, 0, 0]) for batch in batches for image in batch["image"]]
    assert firsts == [0, 1, 2, 3, 4]


def test_without_recipe_the_defaults_of_the_original_hold():
    with parsed_flags("eval"):
        evaluation = prediction_flags.evaluation_config(None, NAMES)
        assert evaluation == EvaluationConfig(crop_size=(513, 513), scales=(1.0,))
        info = dataset_info(None)
        assert info.name == "voc2012"
        data = prediction_flags.data_config(None, info, NAMES)
        assert data == DataConfig(dataset="voc2012", eval_split="val")


def test_the_recipe_wins_over_defaults():
    with parsed_flags("eval"):
        assert prediction_flags.evaluation_config(RECIPE, NAMES) == RECIPE.evaluation
        info = dataset_info(RECIPE)
        assert info.name == "camvid"
        assert prediction_flags.data_config(RECIPE, info, NAMES) == RECIPE.data


def test_a_given_flag_wins_over_the_recipe_even_with_the_default_value():
    arguments = [
        "--eval_crop_size=513,513",
        "--eval_scales=1.0",
        "--noadd_flipped_images",
        "--eval_batch_size=4",
        "--nopad_to_crop",
        "--eval_split=val",
        "--max_resize_value=150",
        "--dataset=cityscapes",
    ]
    with parsed_flags("eval", *arguments):
        evaluation = prediction_flags.evaluation_config(RECIPE, NAMES)
        info = dataset_info(RECIPE)
        data = prediction_flags.data_config(RECIPE, info, NAMES)
    assert evaluation == EvaluationConfig(batch_size=4, pad_to_crop=False)
    assert info.name == "cityscapes"
    assert (data.eval_split, data.max_resize_value) == ("val", 150)
    assert data.min_resize_value == 99


def test_dataset_json_wins_over_the_recipe_and_a_given_name_over_it(records, caplog):
    with parsed_flags("eval", f"--dataset_dir={records}"):
        assert dataset_info(RECIPE).name == "shapes"
    with parsed_flags("eval", f"--dataset_dir={records}", "--dataset=shapes"):
        # The catalogue knows another size: the file was read.
        assert dataset_info(RECIPE).image_size == (65, 65)
    assert not caplog.records
    with parsed_flags("eval", f"--dataset_dir={records}", "--dataset=camvid"):
        assert dataset_info(RECIPE).name == "camvid"
    assert "dataset.json says shapes" in caplog.text


def test_a_batch_size_of_none_is_refused():
    with (
        parsed_flags("eval", "--eval_batch_size=0"),
        pytest.raises(ValueError, match="--eval_batch_size must be at least 1"),
    ):
        prediction_flags.evaluation_config(None, NAMES)


def test_one_checkpoint_is_taken_without_watch():
    seen = []
    for limit in (0, 1):
        with parsed_flags("eval", "--checkpoint_dir=any.tar.gz"):
            prediction_flags.for_each_checkpoint(seen.append, limit=limit)
    assert seen == ["any.tar.gz", "any.tar.gz"]


def test_several_evaluations_take_new_checkpoints(tmp_path, monkeypatch):
    prefixes = [str(tmp_path / f"model.ckpt-{step}") for step in (1, 2, 3)]
    watch = types.SimpleNamespace(
        watch_checkpoints=lambda folder, interval_seconds: iter(prefixes),
        checkpoint_step=lambda prefix: int(prefix[-1]),
    )
    monkeypatch.setitem(sys.modules, "deeplab_tf.evaluation.checkpoint_watch", watch)
    seen = []
    with parsed_flags("eval", f"--checkpoint_dir={tmp_path}"):
        prediction_flags.for_each_checkpoint(seen.append, limit=2)
    assert seen == prefixes[:2]


def test_a_checkpoint_that_training_removed_is_passed_over(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(
        prediction_flags, "_new_checkpoints", lambda folder, limit: iter(["gone", "b"])
    )
    seen = []

    def read(prefix):
        if prefix == "gone":
            raise ValueError("There is no checkpoint.")
        seen.append(prefix)

    with parsed_flags("eval", f"--checkpoint_dir={tmp_path}", "--watch"):
        prediction_flags.for_each_checkpoint(read, limit=0)
    assert seen == ["b"]
    assert "gone was removed" in caplog.text


def test_watching_a_single_checkpoint_is_refused(run_file):
    with (
        parsed_flags("eval", f"--checkpoint_dir={run_file}", "--watch"),
        pytest.raises(ValueError, match="single checkpoint"),
    ):
        prediction_flags.for_each_checkpoint(print, limit=0)


@pytest.fixture
def run_file(tmp_path):
    (tmp_path / "model.ckpt-3.index").write_text("")
    return tmp_path / "model.ckpt-3"
