# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.text_files."""

import errno
import os

import pytest
import tensorflow as tf

from deeplab_tf.data import text_files


def test_text_is_replaced_and_put_behind(tmp_path):
    path = tmp_path / "a.csv"
    text_files.replace_text(path, "one\n")
    text_files.append_text(path, "two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    text_files.replace_text(path, "three\n")
    assert path.read_bytes() == b"three\n"


def test_file_that_cannot_be_replaced_is_named_and_kept(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    text_files.replace_text(path, "old")

    def refuse(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(text_files.os, "fsync", refuse)
    with pytest.raises(OSError, match=r"No space left.*a\.csv") as caught:
        text_files.replace_text(path, "new")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_file_on_a_full_disk_is_named():
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        text_files.append_text("/dev/full", "a line\n")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EFBIG, "File too large"), "File too large"),
        (
            tf.errors.ResourceExhaustedError(
                None,
                None,
                "{{function_node __wrapped__SaveV2_device_/job:localhost}} /run/a."
                "tempstate1; No space left on device [Op:SaveV2]",
            ),
            "No space left on device",
        ),
        (
            tf.errors.UnknownError(
                None, None, "{{function_node a}} /run/b; Disk quota exceeded\n\tFailed"
            ),
            "Disk quota exceeded",
        ),
    ],
)
def test_reason_is_what_the_system_says(error, expected):
    assert text_files.reason(error) == expected
