# Licensed under the Apache License, Version 2.0.
import json
import pathlib
import tarfile

import pytest
import tensorflow as tf

from deeplab_tf.cli import export_model, prediction_flags
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.data.catalog.shapes import SHAPES
from deeplab_tf.export import comparison
from deeplab_tf.export.network_json import read_network_json
from deeplab_tf.export.tflite import load_tflite
from tests.cli.command import parsed_flags, run_command


@pytest.mark.parametrize(
    ("target", "formats", "planned"),
    [
        ("a/m.pb", (), {"frozen_graph": "a/m.pb"}),
        ("a/m", (), {"saved_model": "a/m"}),
        ("a/m.tflite", (), {"tflite": "a/m.tflite"}),
        ("a/m.tflite", ("tflite",), {"tflite": "a/m.tflite"}),
        ("a/m", ("tflite",), {"tflite": "a/m/model.tflite"}),
        (
            "a/m",
            ("tflite", "saved_model", "tflite"),
            {"tflite": "a/m/model.tflite", "saved_model": "a/m/saved_model"},
        ),
    ],
)
def test_each_format_has_its_path(target, formats, planned):
    arguments = [f"--format={format_}" for format_ in formats]
    with parsed_flags("export_model", *arguments) as flags:
        paths = export_model.plan_paths(pathlib.Path(target), flags.format)
    assert {name: str(path) for name, path in paths.items()} == planned


@pytest.mark.parametrize("target", ["m.pb", "m.tflite"])
def test_several_formats_need_a_folder(target):
    arguments = ["--format=saved_model", "--format=tflite"]
    with (
        parsed_flags("export_model", *arguments) as flags,
        pytest.raises(ValueError, match="give a folder"),
    ):
        export_model.plan_paths(pathlib.Path(target), flags.format)


def test_given_flags_win_over_the_recipe():
    recipe = Recipe(
        name="r",
        model=DeepLabV3Config(),
        evaluation=EvaluationConfig(crop_size=(33, 65), scales=(0.5,), flip=True),
    )
    with parsed_flags("export_model"):
        assert prediction_flags.evaluation_from_flags(None) == EvaluationConfig()
        assert prediction_flags.evaluation_from_flags(recipe) == recipe.evaluation
    arguments = [
        "--crop_size=97",
        "--crop_size=129",
        "--inference_scales=1.0",
        "--noadd_flipped_images",
        "--nopad_to_crop",
    ]
    with parsed_flags("export_model", *arguments):
        assert prediction_flags.evaluation_from_flags(recipe) == EvaluationConfig(
            crop_size=(97, 129), pad_to_crop=False
        )


@pytest.mark.slow
def test_both_formats_of_a_run_agree_with_each_other(exported):
    result, folder = exported
    assert result.out.count("labels equal to the model's on") == 2
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.tflite",
        "model.tflite.comparison.json",
        "model.tflite.network.json",
        "saved_model",
        "saved_model.comparison.json",
    ]
    for name in ("model.tflite", "saved_model"):
        stored = json.loads((folder / f"{name}.comparison.json").read_text())
        assert stored["agreement"] >= 0.999
        assert read_network_json(folder / name).classes == SHAPES.classes
    (images,) = comparison.probe_images((1, 65, 65), seed=5)
    module = tf.saved_model.load(str(folder / "saved_model"))
    serve = module.signatures["serving_default"]
    labels = serve(ImageTensor=tf.constant(images))["SemanticPredictions"].numpy()
    same = load_tflite(folder / "model.tflite")(images) == labels
    assert same.mean() >= 0.999


@pytest.mark.slow
def test_an_archive_is_exported_like_its_folder(run_folder, tmp_path):
    archive = tmp_path / "run.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for file in run_folder.iterdir():
            if file.is_file() and "events" not in file.name:
                tar.add(file, arcname=f"run/{file.name}")
    result = run_command(
        "export_model",
        f"--checkpoint_path={archive}",
        f"--export_path={tmp_path / 'graph.pb'}",
    )
    assert result.code == 0, result.err
    assert "frozen_graph" in result.out
    assert (tmp_path / "graph.pb").is_file()


def test_resizing_comes_from_the_recipe_unless_it_is_given():
    recipe = Recipe(
        name="r",
        model=DeepLabV3Config(),
        data=DataConfig(min_resize_value=65, max_resize_value=97),
    )
    with parsed_flags("export_model"):
        assert prediction_flags.image_size_from_flags(recipe).min_resize_value == 65
        assert prediction_flags.image_size_from_flags(None).min_resize_value is None
    with parsed_flags("export_model", "--min_resize_value=33"):
        size = prediction_flags.image_size_from_flags(recipe)
    assert (size.min_resize_value, size.max_resize_value) == (33, 97)
