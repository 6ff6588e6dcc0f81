# Licensed under the Apache License, Version 2.0.
import os
import signal
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.training import callbacks, event_files, history


class Clock:
    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(callbacks.time, "monotonic", lambda: self.now)


LOGS = {"loss": tf.constant(1.25), "learning_rate": tf.constant(0.007)}


def test_progress_writes_loss_rate_and_time_left(monkeypatch):
    clock = Clock(monkeypatch)
    lines, records = [], []
    progress = callbacks.Progress(
        lines.append,
        steps=10,
        batch_size=4,
        log_steps=3,
        record=lambda step, values: records.append((step, values)),
    )
    progress.on_train_begin()
    for step in range(3):
        progress.on_train_batch_begin(step)
        # The first step traces the network: it is not counted.
        clock.now += 2.0 if step else 50.0
        progress.on_train_batch_end(step + 1, LOGS)
        # Nor is what other callbacks do.
        clock.now += 1000.0
    assert lines == [
        "step 3/10  loss 1.2500  learning rate 0.007  2.0 images/s  left 0:00:14"
    ]
    (step, values) = records[0]
    assert step == 3
    assert values["images_per_second"] == pytest.approx(2.0)


def test_progress_reads_no_loss_between_two_lines():
    progress = callbacks.Progress(print, steps=10, batch_size=4, log_steps=5)
    progress.on_train_begin()
    progress.on_train_batch_begin(0)
    progress.on_train_batch_end(1, {"loss": "a value that cannot be read"})


def run_steps(callback, steps):
    callback.on_train_begin()
    for step in steps:
        callback.on_train_batch_end(step)


def test_validation_callback_validates_at_intervals():
    validated = []
    callback = callbacks.ValidationCallback(validated.append, interval_steps=2)
    run_steps(callback, range(1, 6))
    assert validated == [2, 4]
    never = callbacks.ValidationCallback(validated.append, interval_steps=0)
    run_steps(never, range(1, 6))
    assert validated == [2, 4]


def test_checkpoint_callback_saves_at_intervals_and_at_the_end_once():
    saved = []
    callback = callbacks.CheckpointCallback(saved.append, interval_steps=2)
    run_steps(callback, range(1, 6))
    callback.on_train_end()
    assert saved == [2, 4, 5]
    callback.on_train_end()
    assert saved == [2, 4, 5]


def test_checkpoint_callback_saves_nothing_if_nothing_was_trained():
    saved = []
    callback = callbacks.CheckpointCallback(
        saved.append, interval_steps=2, saved_step=4
    )
    callback.on_train_begin()
    callback.on_train_end()
    assert saved == []


def test_checkpoint_callback_saves_by_time(monkeypatch):
    clock = Clock(monkeypatch)
    saved = []
    callback = callbacks.CheckpointCallback(
        saved.append, interval_steps=0, interval_seconds=60
    )
    callback.on_train_begin()
    for step in range(1, 8):
        clock.now += 25.0
        callback.on_train_batch_end(step)
    assert saved == [3, 6]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_terminate_on_signal_stops_the_model_and_restores_handlers(name):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    model = keras.Sequential()
    model.stop_training = False
    with callbacks.TerminateOnSignal() as terminate:
        terminate.set_model(model)
        terminate.on_train_batch_end(1)
        assert not model.stop_training
        os.kill(os.getpid(), number)
        terminate.on_train_batch_end(2)
        assert model.stop_training
        assert signal.getsignal(number) == before, "a second signal is not caught"
    assert terminate.signal_name == name
    assert signal.getsignal(number) == before


def test_terminate_on_signal_outside_the_main_thread_does_nothing():
    before = signal.getsignal(signal.SIGTERM)
    errors = []

    def enter():
        try:
            with callbacks.TerminateOnSignal():
                pass
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert not errors
    assert signal.getsignal(signal.SIGTERM) == before


def test_history_goes_on_and_drops_rows_behind_the_checkpoint(tmp_path):
    path = tmp_path / "history.csv"
    curve = history.History(path)
    curve.add(10, {"loss": 2.0, "learning_rate": 0.1, "other": 5.0})
    curve.add(10, {"val_miou": 0.5})
    curve.add(20, {"loss": 1.0})
    curve.add(20, {"val_miou": 0.75})
    assert curve.best() == (20, 0.75)
    resumed = history.History(path, step=10)
    assert resumed.rows == [
        {"step": 10, "loss": 2.0, "learning_rate": 0.1},
        {"step": 10, "val_miou": 0.5},
    ]
    assert resumed.best() == (10, 0.5)
    assert history.read_history(path) == resumed.rows


def test_history_takes_the_first_of_equal_validations(tmp_path):
    curve = history.History(tmp_path / "history.csv")
    assert curve.best() is None
    for step in (5, 6, 7):
        curve.add(step, {"val_miou": 0.25})
    assert curve.best() == (5, 0.25)


def test_read_history_leaves_out_a_line_cut_off_by_a_crash(tmp_path):
    path = tmp_path / "history.csv"
    history.History(path).add(10, {"loss": 2.0})
    with path.open("a") as file:
        file.write("20,1.7")
    assert [row["step"] for row in history.read_history(path)] == [10]


def read_events(folder):
    values = {}
    for path in folder.glob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                values[value.tag, event.step] = value
    return values


def test_event_writer_writes_scalars_and_images_that_tensorboard_shows(tmp_path):
    writer = event_files.EventWriter(tmp_path)
    writer.write_scalars(3, {"loss": 0.5})
    picture = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    writer.write_image(3, "panel", picture)
    writer.close()
    values = read_events(tmp_path)
    loss, panel = values["loss", 3], values["panel", 3]
    assert tf.make_ndarray(loss.tensor) == np.float32(0.5)
    assert loss.metadata.plugin_data.plugin_name == "scalars"
    assert panel.metadata.plugin_data.plugin_name == "images"
    width, height, png = panel.tensor.string_val
    assert (width, height) == (b"4", b"2")
    np.testing.assert_array_equal(tf.io.decode_png(png), picture)
