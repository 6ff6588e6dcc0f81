# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.training.folder_lock."""

import subprocess
import sys

import pytest

from deeplab_tf import models
from deeplab_tf.training import folder_lock, train
from tests.training import toy_run

HOLD = """
import fcntl, os, sys, time
handle = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def test_second_run_in_a_folder_is_refused(tmp_path):
    folder = tmp_path / "run"
    with (
        folder_lock.lock_folder(folder),
        pytest.raises(ValueError, match=rf"{folder}: wait.*another folder"),
        folder_lock.lock_folder(folder),
    ):
        pass
    with folder_lock.lock_folder(folder):
        assert list(folder.iterdir()) == []


def test_lock_of_a_killed_process_is_in_nobodys_way(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with (
            pytest.raises(ValueError, match="Another training"),
            folder_lock.lock_folder(tmp_path),
        ):
            pass
        process.kill()
    with folder_lock.lock_folder(tmp_path):
        pass


def test_file_system_without_locks_is_no_error(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with folder_lock.lock_folder(tmp_path):
        pass


def test_training_reads_its_checkpoint_only_when_it_holds_the_folder(
    tmp_path, monkeypatch
):
    class Reached(Exception):
        pass

    def restore(*_, **__):
        # Another run would save and remove checkpoints meanwhile.
        with (
            pytest.raises(ValueError, match="Another training"),
            folder_lock.lock_folder(tmp_path),
        ):
            pass
        raise Reached

    monkeypatch.setattr(models, "build_model", toy_run.build_toy_model)
    monkeypatch.setattr(train, "_restore", restore)
    with pytest.raises(Reached):
        train.train(
            toy_run.toy_recipe(),
            workdir=tmp_path,
            source=toy_run.toy_source("train"),
            eval_source=toy_run.toy_source("val"),
        )
    with folder_lock.lock_folder(tmp_path):
        pass
