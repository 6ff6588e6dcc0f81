# Licensed under the Apache License, Version 2.0.
import dataclasses
import sys

import pytest

from deeplab_tf.cli import crf_flags, prediction_flags
from deeplab_tf.config import serialization
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.dense_crf import PRESETS, DenseCRFConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import Recipe
from tests.cli.command import parsed_flags, run_command

V1 = PRESETS["deeplab_v1"]


def crf_of(*arguments, default=None):
    with parsed_flags("export_model", *arguments):
        return crf_flags.config_from_flags(default)


def with_crf(config):
    return Recipe(
        name="r", model=DeepLabV3Config(), evaluation=EvaluationConfig(crf=config)
    )


def test_a_given_crf_wins_over_the_recipe():
    assert crf_of() is None
    assert crf_of(default=V1) == V1
    assert crf_of("--crf=deeplab_v2", default=V1) == PRESETS["deeplab_v2"]
    assert crf_of("--crf=none", default=V1) is None


def test_a_backend_changes_the_crf_of_the_recipe():
    expected = dataclasses.replace(V1, backend="pydensecrf")
    assert crf_of("--crf_backend=pydensecrf", default=V1) == expected
    assert crf_of("--crf=deeplab_v1", "--crf_backend=pydensecrf") == expected


def test_a_backend_of_no_crf_is_an_error():
    with pytest.raises(ValueError, match="has no CRF to compute: give --crf too"):
        crf_of("--crf_backend=pydensecrf")
    with pytest.raises(ValueError, match="has no CRF to compute"):
        crf_of("--crf=none", "--crf_backend=tensorflow", default=V1)


def test_a_file_is_read(tmp_path):
    config = DenseCRFConfig(bilateral_xy=12.0, iterations=3)
    path = tmp_path / "crf.json"
    path.write_text(serialization.to_json(config))
    assert crf_of(f"--crf={path}") == config


def test_the_evaluation_takes_the_crf():
    for command in ("eval", "vis", "predict", "export_model"):
        with parsed_flags(command, "--crf=deeplab_v1"):
            found = prediction_flags.evaluation_from_flags(
                with_crf(None), **scales_of(command)
            )
        assert found.crf == V1
        with parsed_flags(command):
            found = prediction_flags.evaluation_from_flags(
                with_crf(V1), **scales_of(command)
            )
        assert found.crf == V1


def scales_of(command):
    if command in ("eval", "vis"):
        return {"crop_size": f"{command}_crop_size", "scales": "eval_scales"}
    return {}


@pytest.mark.parametrize("command", ["eval", "vis", "predict", "export_model"])
def test_an_unknown_crf_lists_all_before_anything_is_loaded(command, tmp_path):
    result = run_command(
        command,
        "--crf=deeplab_v9",
        f"--{'checkpoint_dir' if command in ('eval', 'vis') else 'checkpoint_path'}=no",
    )
    assert result.code == 1
    assert "error: --crf=deeplab_v9 is neither a file nor known" in result.err
    for name in (*PRESETS, "none"):
        assert name in result.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            serialization.to_json(V1).replace("50.0", "-50.0"),
            "holds no CRF: bilateral_xy is a standard deviation and must be positive, "
            "from 0.001 to 1e+06, got -50.0.",
        ),
        (
            serialization.to_json(V1).replace("50.0", '"wide"'),
            "holds no CRF: bilateral_xy is",
        ),
        (serialization.to_json(EvaluationConfig()), "holds a EvaluationConfig"),
        ("{", "holds no CRF: The configuration is not JSON"),
        (
            serialization.to_json(V1).replace("bilateral_xy", "bi_xy"),
            "DenseCRFConfig has no field bi_xy",
        ),
    ],
    ids=["negative", "text", "other", "json", "field"],
)
def test_a_bad_file_is_named(text, message, tmp_path):
    path = tmp_path / "crf.json"
    path.write_text(text)
    with pytest.raises(ValueError) as raised:
        crf_of(f"--crf={path}")
    assert str(raised.value).startswith(f"--crf={path} ")
    assert message in str(raised.value)


def test_a_missing_package_is_told_before_anything_is_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    for command in ("eval", "vis", "predict", "export_model"):
        result = run_command(command, "--crf=deeplab_v2", "--crf_backend=pydensecrf")
        assert result.code == 1
        assert "pip install 'deeplab-tf[crf]'" in result.err
    result = run_command(
        "tune_crf", "--crf_backend=pydensecrf", "--checkpoint_dir=a", "--output_dir=b"
    )
    assert result.code == 1
    assert "pip install 'deeplab-tf[crf]'" in result.err


def test_what_cannot_hold_a_crf_is_told_before_anything_is_loaded(tmp_path):
    arguments = ("--checkpoint_path=no", f"--export_path={tmp_path / 'x'}")
    result = run_command(
        "export_model", *arguments, "--crf=deeplab_v2", "--format=tflite"
    )
    assert result.code == 1
    assert "TFLite has no operations for a CRF" in result.err
    pytest.importorskip("pydensecrf.densecrf")
    result = run_command(
        "export_model", *arguments, "--crf=deeplab_v2", "--crf_backend=pydensecrf"
    )
    assert result.code == 1
    assert "cannot be exported: take the backend tensorflow" in result.err
