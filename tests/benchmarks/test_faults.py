# Licensed under the Apache License, Version 2.0.
"""Tests of the parts of benchmarks/faults, and one kill while saving.

`python -m benchmarks.faults` runs them all, on real trainings.
"""

import random
import signal
import time

import pytest

from benchmarks.faults import full_disks, setting, training_process
from deeplab_tf.training import checkpointing
from tests.training import test_checkpointing as toy

FAKE_TRAINING = """
import sys, time
print("Going on from /run/model.ckpt-20.", flush=True)
for step in range(21, 200):
    print(f"step {step}/200  loss 1.0", flush=True)
    print(f"step {step}/200  validation mIoU 0.1", flush=True)
    time.sleep(0.01)
"""
FAILING = """
import sys
print("INFO: error: is a word", file=sys.stderr)
sys.exit("error: /data/train: something is wrong. Do this.")
"""


def start(code, *arguments):
    return training_process.WatchedProcess(["-c", code, *arguments])


def test_watched_process_is_killed_at_a_step():
    with start(FAKE_TRAINING) as process:
        assert process.wait_for_step(24)
        process.send(signal.SIGKILL)
        assert not process.is_running
        assert process.end() == -signal.SIGKILL
    assert process.steps[:4] == [21, 22, 23, 24]
    assert process.went_on_from == 20
    assert setting.went_on_problems(process, step=20) == []
    assert setting.went_on_problems(process, step=10) == [
        "went on from 20, not 10",
        "its first step was 21, not 11",
    ]


def test_process_that_ends_early_is_not_waited_for():
    with start("print('step 1/9  loss 2.0')") as process:
        assert not process.wait_for_step(2)
        assert process.end() == 0


def test_message_and_exit_code_are_looked_at():
    with start(FAILING) as process:
        assert setting.message_problems(process, code=1, words=["/data/train"]) == []
    with start(FAILING) as process:
        problems = setting.message_problems(process, code=0, words=["word"])
    assert problems[:2] == ["exit code 1", "no 'word' in the message"]
    with start("raise KeyError('a')") as process:
        problems = setting.message_problems(process, code=1, words=[])
    assert problems[0] == "a traceback"


def test_row_counts_tries_without_problems():
    row = setting.row("a kill", "all is well", [[], ["one", "two"], []])
    assert (row.tries, row.right, row.problems) == (3, 2, ("one", "two"))


def test_saved_step_tells_of_damage_and_of_numbers_that_are_not_finite(tmp_path):
    assert setting.saved_step(tmp_path) == (0, [])
    prefix = toy.save(tmp_path, step=7)
    assert setting.saved_step(tmp_path) == (7, [])
    path = tmp_path / f"{prefix}.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:-1])
    step, problems = setting.saved_step(tmp_path)
    assert step == 0
    assert "is damaged" in problems[0]


def test_small_disk_is_full_and_grows(tmp_path):
    folder = tmp_path / "disk"
    try:
        with full_disks.small_disk(folder, 8192):
            with pytest.raises(OSError, match="No space left"):
                (folder / "a").write_bytes(bytes(100_000))
            full_disks.resize(folder, 1_000_000)
            (folder / "a").write_bytes(bytes(100_000))
    except full_disks.NoSmallDiskError as error:
        pytest.skip(f"needs root and Linux: {error}")
    assert list(folder.iterdir()) == []


SAVING = """
import itertools, sys
from deeplab_tf.training import checkpointing
from tests.training import test_checkpointing as toy

model, optimizer = toy.build()
for step in itertools.count(1):
    checkpointing.save_checkpoint(
        sys.argv[1], model=model, optimizer=optimizer, step=step, keep=2
    )
    print(f"step {step}/0  loss 0", flush=True)
"""


@pytest.mark.slow
def test_kill_while_saving_leaves_the_checkpoint_before(tmp_path):
    with start(SAVING, str(tmp_path)) as process:
        assert process.wait_for_step(3)
        while not setting.is_saving(tmp_path):
            assert process.is_running, process.errors
        time.sleep(random.SystemRandom().random() / 500)
        process.send(signal.SIGKILL)
    step, problems = setting.saved_step(tmp_path)
    assert problems == []
    assert step >= process.steps[-1]
    for prefix in checkpointing.list_checkpoints(tmp_path):
        checkpointing.read_checkpoint(prefix)
    # The next one takes the unfinished files away.
    toy.save(tmp_path, step=step + 1)
    assert list(tmp_path.glob(".partial-*")) == []
    assert setting.saved_step(tmp_path) == (step + 1, [])
