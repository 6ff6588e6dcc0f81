# Licensed under the Apache License, Version 2.0.
import os

import pytest

from deeplab_tf.cli.output_paths import check_folder, check_writable


def test_paths_that_can_be_made_are_accepted(tmp_path):
    check_writable(tmp_path / "a" / "b.pb", flag="export_path")
    check_folder(tmp_path / "a" / "b", flag="eval_logdir")
    check_folder(tmp_path, flag="eval_logdir")
    assert list(tmp_path.iterdir()) == []


def test_a_path_below_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    check_writable(file, flag="export_path")
    with pytest.raises(ValueError, match=r"--export_path=.*file is a file"):
        check_writable(file / "x" / "y", flag="export_path")
    with pytest.raises(ValueError, match=r"--eval_logdir=.*give a folder"):
        check_folder(file, flag="eval_logdir")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match="no permission for"):
        check_writable(tmp_path / "x", flag="export_path")
