# Licensed under the Apache License, Version 2.0.
import pytest

from deeplab_tf.export.whole_file import write_whole


def test_a_file_replaces_an_older_one_in_one_step(tmp_path):
    path = tmp_path / "new" / "file"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "folder"
    (path / "kept").mkdir(parents=True)
    with pytest.raises(OSError, match=r"folder could not be written: .*Make room"):
        write_whole(path, b"content")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
