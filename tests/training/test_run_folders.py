# Licensed under the Apache License, Version 2.0.
"""What lies in the folder of a run, whatever moment it ends at."""

import pytest

from deeplab_tf.training import validation
from tests.training import toy_run
from tests.training.test_train import steps_of, toy_models, train_toy

__all__ = ["toy_models"]


@pytest.mark.slow
def test_run_that_ends_while_it_is_scored_has_its_best_checkpoint(
    tmp_path, monkeypatch
):
    def end(self, count):
        raise RuntimeError("killed")

    recipe = toy_run.toy_recipe(steps=2)
    with monkeypatch.context() as patch:
        patch.setattr(validation.Validation, "panels", end)
        with pytest.raises(RuntimeError, match="killed"):
            train_toy(tmp_path, recipe=recipe)
    result = train_toy(tmp_path, recipe=recipe)
    assert steps_of(tmp_path / "best") == [result.best_step] == [2]


def test_folder_of_the_records_is_no_folder_for_a_run(tmp_path):
    with pytest.raises(ValueError, match="give the run a folder of its own"):
        train_toy(tmp_path, data_dir=f"{tmp_path}/.")
