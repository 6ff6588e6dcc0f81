# Licensed under the Apache License, Version 2.0.
"""Records that are damaged or incomplete, and a loss that is not finite."""

import pathlib
import shutil

from benchmarks.faults.setting import (
    SAME_WEIGHTS,
    STEPS,
    Row,
    Setting,
    finish,
    message_problems,
    row,
    saved_step,
)
from benchmarks.faults.training_process import WatchedProcess

_NAMED = "exit code 1, and a message that names the file; no traceback"
_SHARD = "train-00001-of-00002.tfrecord"
# Trains as train.py does, but for one step whose loss is no number.
_NAN_TRAINING = """
import keras
from deeplab_tf.cli import train
from deeplab_tf.losses import softmax_cross_entropy

loss_class = softmax_cross_entropy.SoftmaxCrossEntropy
true_loss = loss_class.__call__

def broken_loss(self, targets, outputs, *, step, **options):
    loss = true_loss(self, targets, outputs, step=step, **options)
    # It is told how many steps are done.
    is_broken = keras.ops.equal(step, BROKEN_STEP - 1)
    return keras.ops.where(is_broken, float("nan"), loss)

loss_class.__call__ = broken_loss
train.main()
"""


def cut_records_off(setting: Setting, number: int) -> list[Row]:
    """Trains on records of which one file is cut off at a random byte.

    Args:
        setting: the training.
        number: of tries.
    """
    tries = []
    for i in range(number):
        records = _copy_records(setting, f"truncated_{i}")
        path = records / _SHARD
        data = path.read_bytes()
        kept = setting.rng.randrange(len(data))
        path.write_bytes(data[:kept])
        problems = _fails(setting, records, words=(str(path),))
        tries.append(problems)
        setting.say(f"records cut off at byte {kept}: {problems or 'right'}")
    return [row("a record file is cut off", _NAMED, tries)]


def damage_records(setting: Setting, number: int) -> list[Row]:
    """Trains on records in which bytes are changed, a file or examples are missing.

    Args:
        setting: the training.
        number: of tries of each.
    """
    changed, lost = [], []
    for i in range(number):
        records = _copy_records(setting, f"changed_{i}")
        path = records / _SHARD
        data = bytearray(path.read_bytes())
        # Behind the frame of the first record, so that the damage is within one.
        data[setting.rng.randrange(12, len(data) // 16)] ^= 255
        path.write_bytes(data)
        changed.append(_fails(setting, records, words=(str(path), "at byte 0")))
        setting.say(f"a byte of a record changed: {changed[-1] or 'right'}")
        records = _copy_records(setting, f"lost_{i}")
        (records / _SHARD).unlink()
        lost.append(_fails(setting, records, words=(str(records), _SHARD)))
        setting.say(f"a record file is missing: {lost[-1] or 'right'}")
    return [
        row("a byte of a record is changed", _NAMED, changed),
        row("a file of the records is missing", _NAMED, lost),
    ]


def break_loss(setting: Setting, number: int) -> list[Row]:
    """Puts NaN into the loss of a random step; then goes on without the fault.

    Args:
        setting: the training.
        number: of tries.
    """
    tries, ends = [], []
    for i in range(number):
        folder = setting.workdir / f"nan_{i}"
        broken = setting.rng.randrange(5, STEPS - 5)
        code = _NAN_TRAINING.replace("BROKEN_STEP", str(broken))
        # With other steps between two looks at the loss.
        flags = setting.train_flags(folder, f"--set=train.log_steps={1 + 9 * (i % 2)}")
        with WatchedProcess(["-c", code, *flags]) as process:
            words = ("not finite", f"step {broken}.", "train_0000")
            problems = message_problems(process, code=1, words=words)
        step, damage = saved_step(folder)
        problems += damage
        if step >= broken:
            problems.append(f"a checkpoint of step {step}, behind step {broken}")
        tries.append(problems)
        with setting.train(folder) as process:
            ends.append(finish(process, setting=setting, folder=folder, step=step))
        note = problems + ends[-1] or "right"
        setting.say(f"NaN in the loss of step {broken}, saved {step}: {note}")
    meaning = (
        "exit code 1; the message names the step and the images; the last checkpoint "
        "is from before and finite"
    )
    return [
        row("NaN in the loss of a random step", meaning, tries),
        row("the same runs, without the fault", SAME_WEIGHTS, ends),
    ]


def _copy_records(setting: Setting, name: str) -> pathlib.Path:
    return shutil.copytree(setting.records, setting.workdir / f"records_{name}")


def _fails(
    setting: Setting, records: pathlib.Path, *, words: tuple[str, ...]
) -> list[str]:
    """Trains on bad records; returns what was not right with how that ended."""
    folder = setting.workdir / f"run_on_{records.name}"
    with setting.train(folder, records=records) as process:
        return message_problems(process, code=1, words=words)
