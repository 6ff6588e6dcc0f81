# Licensed under the Apache License, Version 2.0.
"""A killed training that is started again ends as one that was not killed."""

import random
import subprocess
import sys
import time

import numpy as np
import pytest

from deeplab_tf.training import checkpointing

STEPS = 30
PARTS = 2

TRAIN = f"""
import sys
import time
import keras
from deeplab_tf import models
from deeplab_tf.training import train
from tests.training import toy_run

class Slow(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print(batch, flush=True)
        time.sleep(float(sys.argv[2]))

models.build_model = toy_run.build_toy_model
train.train(
    toy_run.toy_recipe(
        steps={STEPS},
        save_interval_steps=3,
        eval_interval_steps=10,
        gradient_accumulation={PARTS},
        moving_average_decay=0.9,
    ),
    workdir=sys.argv[1],
    source=toy_run.toy_source("train"),
    eval_source=toy_run.toy_source("val"),
    deterministic=True,
    callbacks=[Slow()],
)
"""


def start(folder, root, *, seconds_per_step=0.0):
    command = [sys.executable, "-c", TRAIN, str(folder), str(seconds_per_step)]
    return subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    output, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    return [int(line) for line in output.splitlines()]


def kill_after(process, *, step, seconds):
    """Kills a training some time after a step; returns the first step it printed."""
    first = None
    for line in process.stdout:
        first = int(line) if first is None else first
        if int(line) == step:
            break
    time.sleep(seconds)
    process.kill()
    process.communicate()
    return first


@pytest.mark.slow
def test_killed_training_ends_with_the_same_weights_bit_for_bit(tmp_path, root):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert finish(start(whole, root)) == list(range(1, STEPS + 1))
    # Any moment will do; the message shows which one it was.
    chance = random.SystemRandom()
    moments = [
        (chance.randrange(*steps), chance.random() / 5) for steps in ((1, 12), (16, 27))
    ]
    for step, seconds in moments:
        process = start(broken, root, seconds_per_step=0.05)
        kill_after(process, step=step, seconds=seconds)
        assert process.returncode == -9, moments
    steps = finish(start(broken, root))
    assert steps[0] > 13, f"the last run did not go on from a checkpoint: {steps}"
    first = checkpointing.read_checkpoint(whole)
    second = checkpointing.read_checkpoint(broken)
    assert first["global_step"] == second["global_step"] == STEPS
    assert first.keys() == second.keys()
    for key, value in first.items():
        np.testing.assert_array_equal(value, second[key], err_msg=f"{key}, {moments}")
    assert first["model/seed/0"][1] == STEPS * PARTS, "each part draws a dropout mask"
    averages = [key for key in first if key.endswith("kernel/ExponentialMovingAverage")]
    assert len(averages) == 2
    for key in averages:
        weight = first[key.removesuffix("/ExponentialMovingAverage")]
        assert np.abs(first[key] - weight).max() > 0
    best = [
        checkpointing.read_checkpoint(folder / "best") for folder in (whole, broken)
    ]
    for key, value in best[0].items():
        np.testing.assert_array_equal(value, best[1][key], err_msg=f"{key}, {moments}")
