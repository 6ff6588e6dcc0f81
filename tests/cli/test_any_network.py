# Licensed under the Apache License, Version 2.0.
import pytest

from deeplab_tf.cli.any_network import (
    CHECKPOINT,
    FROZEN_GRAPH,
    SAVED_MODEL,
    TFLITE,
    find_format,
    open_any,
)
from tests.cli.command import parsed_flags


@pytest.mark.parametrize(
    ("files", "path", "expected"),
    [
        (["run/checkpoint", "run/model.ckpt-3.index"], "run", (CHECKPOINT, "run")),
        (["run/model.ckpt-3.index"], "run/model.ckpt-3", (CHECKPOINT, None)),
        (["zoo.tar.gz"], "zoo.tar.gz", (CHECKPOINT, "zoo.tar.gz")),
        (["a/b/model.ckpt.index"], "a", (CHECKPOINT, "a")),
        (["m/saved_model.pb", "m/variables/variables.index"], "m", (SAVED_MODEL, "m")),
        (["m/saved_model.pb"], "m/saved_model.pb", (SAVED_MODEL, "m")),
        (
            ["out/saved_model/saved_model.pb", "out/model.tflite"],
            "out",
            (SAVED_MODEL, "out/saved_model"),
        ),
        (["out/model.tflite"], "out", (TFLITE, "out/model.tflite")),
        (["a.tflite"], "a.tflite", (TFLITE, "a.tflite")),
        (["a.tflite", "b.tflite"], ".", (CHECKPOINT, ".")),
        (["graph.pb"], "graph.pb", (FROZEN_GRAPH, "graph.pb")),
        (["graph.pb"], ".", (FROZEN_GRAPH, "graph.pb")),
        (
            ["model.ckpt-30000.index", "frozen_inference_graph.pb"],
            ".",
            (CHECKPOINT, "."),
        ),
    ],
    ids=str,
)
def test_every_format_is_recognised(tmp_path, monkeypatch, files, path, expected):
    monkeypatch.chdir(tmp_path)
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    format_, place = find_format(path)
    assert (format_, place.as_posix()) == (expected[0], expected[1] or path)


@pytest.mark.parametrize("name", ["model.h5", "net.onnx", "net.safetensors"])
def test_files_of_other_programs_are_named(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(
        ValueError, match=r"files hold no network that predicts here; expected a"
    ):
        find_format(tmp_path / name)


@pytest.mark.parametrize(
    "flag", ["--add_flipped_images", "--output_stride=8", "--min_resize_value=300"]
)
def test_what_an_export_has_fixed_cannot_be_given(tmp_path, flag):
    (tmp_path / "a.tflite").touch()
    with (
        parsed_flags("predict", flag),
        pytest.raises(ValueError, match="was fixed when"),
    ):
        open_any(tmp_path / "a.tflite")


def test_nothing_at_all_is_no_checkpoint(tmp_path):
    with (
        parsed_flags("predict"),
        pytest.raises(ValueError, match="There is no checkpoint at"),
    ):
        open_any(tmp_path / "absent")
