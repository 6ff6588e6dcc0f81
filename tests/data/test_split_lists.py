# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.split_lists."""

import pytest

from deeplab_tf.data import split_lists


def read(path, content):
    path.write_bytes(content)
    return split_lists.read_lists([path])[0]


@pytest.mark.parametrize(
    "content",
    [b"a\nb\n", b"a\nb", b"a  \r\n\r\n b\r\n", b"\xef\xbb\xbfa\nb\n"],
    ids=["plain", "no_final_newline", "crlf_and_blanks", "byte_order_mark"],
)
def test_names_are_read_however_the_lines_end(tmp_path, content):
    entries = read(tmp_path / "train_aug.txt", content)
    assert entries.lines == ("a", "b")
    assert entries.split == "train_aug"
    assert entries.notes("a") == ()


def test_repeated_line_is_kept_once_and_said_so(tmp_path):
    entries = read(tmp_path / "train.txt", b"a\nb\na\n")
    assert entries.lines == ("a", "b")
    assert "names a more than once" in entries.notes("a")[0]
    assert entries.notes("b") == ()


def test_all_unfit_lists_are_named(tmp_path):
    for name, content in (("a", b"\n \n"), ("b", b"x"), ("c", b"\xff\xfe\x00")):
        (tmp_path / f"{name}.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.txt names no example") as caught:
        split_lists.read_lists(sorted(tmp_path.iterdir()))
    assert "c.txt is no text file" in str(caught.value)
    assert "b.txt" not in str(caught.value)


def test_missing_folder_is_named(tmp_path):
    assert split_lists.check_folder(tmp_path, content="x") == tmp_path
    with pytest.raises(FileNotFoundError, match=r"nothing is no folder.*images"):
        split_lists.check_folder(tmp_path / "nothing", content="images")
