# Licensed under the Apache License, Version 2.0.
"""The demo's folder; the demo itself is what `make demo` runs."""

import pytest

from deeplab_tf.cli import demo


def test_the_demo_replaces_no_folder_but_its_own(tmp_path):
    data = tmp_path / "camvid" / "train"
    data.mkdir(parents=True)
    (data / "image.png").write_bytes(b"precious")
    with pytest.raises(ValueError, match="holds no earlier demo"):
        demo._clear(tmp_path / "camvid")
    assert (data / "image.png").read_bytes() == b"precious"


def test_the_demo_replaces_an_earlier_one(tmp_path):
    folder = tmp_path / "runs" / "demo"
    demo._clear(folder)
    (folder / "summary.json").write_text("{}")
    demo._clear(folder)
    assert not (folder / "summary.json").exists()
