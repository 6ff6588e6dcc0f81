# Licensed under the Apache License, Version 2.0.
import pytest
import tensorflow as tf

from deeplab_tf.evaluation import checkpoint_watch
from deeplab_tf.evaluation.checkpoint_watch import checkpoint_step, watch_checkpoints


class Clock:
    """Time that passes in `sleep` alone, and calls what is due."""

    def __init__(self):
        self.now = 1000.0
        self.events = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.now += seconds
        for event in [event for event in self.events if event[0] <= self.now]:
            self.events.remove(event)
            event[1]()

    def at(self, seconds, function):
        self.events.append((1000.0 + seconds, function))

    @property
    def passed(self):
        return self.now - 1000.0


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(checkpoint_watch, "time", clock)
    return clock


def save(folder, step):
    """Writes a checkpoint and the state file that names it."""
    checkpoint = tf.train.Checkpoint(value=tf.Variable(1.0))
    prefix = checkpoint.write(str(folder / f"model.ckpt-{step}"))
    (folder / "checkpoint").write_text(
        f'model_checkpoint_path: "model.ckpt-{step}"\n'
        f'all_model_checkpoint_paths: "model.ckpt-{step}"\n'
    )
    return prefix


def test_each_new_checkpoint_is_yielded_once(tmp_path, clock):
    prefix = save(tmp_path, 10)
    clock.at(25, lambda: save(tmp_path, 20))
    watched = watch_checkpoints(tmp_path, interval_seconds=10, timeout_seconds=60)
    assert next(watched) == prefix
    assert clock.passed == 0
    assert next(watched).endswith("model.ckpt-20")
    assert clock.passed == 30
    assert list(watched) == []
    assert clock.passed == 90


def test_checkpoints_that_were_followed_are_passed_over(tmp_path, clock):
    save(tmp_path, 10)
    last = save(tmp_path, 20)
    assert list(watch_checkpoints(tmp_path, timeout_seconds=60)) == [last]


def test_a_folder_may_come_later(tmp_path, clock):
    folder = tmp_path / "run"
    clock.at(15, folder.mkdir)
    clock.at(35, lambda: save(folder, 1))
    watched = watch_checkpoints(folder, interval_seconds=10, timeout_seconds=60)
    assert next(watched) == str(folder / "model.ckpt-1")
    assert clock.passed == 40


@pytest.mark.parametrize("half", ["", "model_checkpoint_pa", "model_checkpoint_path: "])
def test_a_state_file_that_is_being_written_is_looked_at_again(half, tmp_path, clock):
    first = save(tmp_path, 10)
    (tmp_path / "checkpoint").write_text(half)
    clock.at(15, lambda: save(tmp_path, 20))
    watched = watch_checkpoints(tmp_path, interval_seconds=10, timeout_seconds=60)
    assert next(watched) == first.replace("-10", "-20")
    assert clock.passed == 20


def test_the_final_step_ends_it(tmp_path, clock):
    prefix = save(tmp_path, 30)
    assert list(watch_checkpoints(tmp_path, final_step=30)) == [prefix]
    assert clock.passed == 0


@pytest.mark.parametrize(("busy", "start"), [(4, 10), (10, 10), (37, 37)])
def test_evaluations_start_an_interval_apart(tmp_path, clock, busy, start):
    save(tmp_path, 1)
    watched = watch_checkpoints(tmp_path, interval_seconds=10)
    next(watched)
    clock.now += busy
    save(tmp_path, 2)
    next(watched)
    assert clock.passed == start


def test_the_timeout_counts_waiting_alone(tmp_path, clock):
    save(tmp_path, 1)
    watched = watch_checkpoints(tmp_path, interval_seconds=10, timeout_seconds=15)
    next(watched)
    clock.now += 100
    clock.at(112, lambda: save(tmp_path, 2))
    assert next(watched).endswith("model.ckpt-2")
    assert clock.passed == 115
    assert list(watched) == []


def test_interval_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="interval_seconds must be positive"):
        next(watch_checkpoints(tmp_path, interval_seconds=0))


def test_checkpoint_step():
    assert checkpoint_step("run-3/model.ckpt-30000") == 30000
    assert checkpoint_step("run-3/model.ckpt") is None
