# Licensed under the Apache License, Version 2.0.
"""The CRF in the commands: on made-up networks by hand, and on a run."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.config import serialization
from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.data import label_files, schema
from deeplab_tf.data.catalog.shapes import SHAPES
from deeplab_tf.data.dataset_json import write_dataset_json
from deeplab_tf.export.network_json import read_network_json
from tests.cli.command import run_command

pytestmark = pytest.mark.slow

# One pixel of 24 is brighter, and the network takes it for class 1.
SIZE = (4, 6)
DOT = (1, 2)
# Neighbours count, whatever their colour.
SMOOTH = DenseCRFConfig(
    bilateral_weight=0.0, spatial_weight=5.0, spatial_xy=3.0, filter="exact"
)
DOTS = dataclasses.replace(
    SHAPES, name="dots", classes=("dark", "bright"), palette=((0, 0, 0), (255, 0, 0))
)


@pytest.fixture(scope="module")
def dots(tmp_path_factory):
    """Records of two images: of the first all is dark, of the second the dot bright."""
    folder = tmp_path_factory.mktemp("dots")
    write_dataset_json(folder, info=DOTS, frequencies={})
    with tf.io.TFRecordWriter(str(folder / "val-00000-of-00001.tfrecord")) as writer:
        for number in range(2):
            labels = np.zeros(SIZE, np.uint8)
            labels[DOT] = number
            record = schema.encode_example(
                f"dot_{number}",
                image=tf.io.encode_png(dot_image()).numpy(),
                image_format="png",
                height=SIZE[0],
                width=SIZE[1],
                labels=label_files.encode_labels(labels),
            )
            writer.write(record)
    return folder


def dot_image():
    image = np.full([*SIZE, 3], 80, np.uint8)
    image[DOT] = 120
    return image


@pytest.fixture(scope="module")
def dot_network(tmp_path_factory):
    """A SavedModel: bright pixels are of class 1 with 0.6, all others with 0.1."""
    path = tmp_path_factory.mktemp("dot_network") / "model"
    images = tf.TensorSpec([None, None, None, 3], tf.uint8, name="ImageTensor")

    def probabilities_of(pixels):
        bright = tf.where(pixels[..., :1] > 100, 0.6, 0.1)
        return tf.concat([1 - bright, bright], axis=-1)

    @tf.function(input_signature=[images])
    def probabilities(ImageTensor):
        return {"SemanticProbabilities": probabilities_of(ImageTensor)}

    @tf.function(input_signature=[images])
    def labels(ImageTensor):
        found = tf.argmax(probabilities_of(ImageTensor), -1, output_type=tf.int32)
        return {"SemanticPredictions": found}

    signatures = {"serving_default": labels, "probabilities": probabilities}
    module = tf.Module()
    module.functions = signatures
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


@pytest.fixture
def smooth(tmp_path):
    path = tmp_path / "smooth.json"
    path.write_text(serialization.to_json(SMOOTH))
    return path


def succeeds(command, *arguments):
    result = run_command(command, *arguments)
    assert result.code == 0, result.err
    return result


@pytest.mark.parametrize(
    ("crf", "matrix"),
    [("none", [[46, 1], [0, 1]]), ("file", [[47, 0], [1, 0]])],
    ids=["without", "with"],
)
def test_eval_scores_an_export_with_a_crf(
    crf, matrix, dots, dot_network, smooth, tmp_path
):
    succeeds(
        "eval",
        f"--saved_model={dot_network}",
        f"--dataset_dir={dots}",
        f"--eval_logdir={tmp_path / 'eval'}",
        f"--crf={smooth if crf == 'file' else crf}",
    )
    report = json.loads((tmp_path / "eval" / "eval.json").read_text())
    assert report["confusion_matrix"] == matrix
    expected = None if crf == "none" else serialization.to_dict(SMOOTH)
    assert report["crf"] == expected


def test_a_compatibility_of_other_classes_is_told(dots, dot_network, tmp_path):
    path = tmp_path / "three.json"
    costs = ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0))
    path.write_text(
        serialization.to_json(dataclasses.replace(SMOOTH, compatibility=costs))
    )
    result = run_command(
        "eval",
        f"--saved_model={dot_network}",
        f"--dataset_dir={dots}",
        f"--eval_logdir={tmp_path / 'eval'}",
        f"--crf={path}",
    )
    assert result.code == 1
    assert "error: compatibility must be [2, 2] for 2 classes" in result.err
    assert "File " not in result.err


@pytest.mark.parametrize(
    "tiles", [(), ("--tile_size=48,48", "--tile_overlap=8")], ids=["whole", "tiles"]
)
def test_predict_refines_whole_images_and_tiles(tiles, dot_network, smooth, tmp_path):
    image = np.full([40, 70, 3], 80, np.uint8)
    image[20, 35] = 120
    Image.fromarray(image).save(tmp_path / "dot.png")
    for name, arguments, num_bright in (
        ("plain", (), 1),
        ("refined", (f"--crf={smooth}",), 0),
    ):
        result = succeeds(
            "predict",
            f"--checkpoint_path={dot_network}",
            f"--output_dir={tmp_path / name}",
            tmp_path / "dot.png",
            *arguments,
            *tiles,
        )
        assert ("In tiles of 48 x 48" in result.err) == bool(tiles)
        mask = np.asarray(Image.open(tmp_path / name / "dot_mask.png"))
        assert mask.shape == (40, 70)
        assert mask[20, 35] == mask.sum() == num_bright


def test_labels_alone_are_not_refined(exported, smooth, tmp_path):
    result = run_command(
        "predict",
        f"--checkpoint_path={exported[1] / 'model.tflite'}",
        f"--output_dir={tmp_path / 'out'}",
        f"--crf={smooth}",
        smooth,
    )
    assert result.code == 1
    assert "model.tflite gives labels alone: give the checkpoint" in result.err


@pytest.fixture(scope="module")
def refined(run_folder, tmp_path_factory):
    """The SavedModel of the run with a CRF, and the file of the CRF."""
    folder = tmp_path_factory.mktemp("refined")
    crf = folder / "crf.json"
    crf.write_text(
        serialization.to_json(
            DenseCRFConfig(bilateral_xy=9.0, bilateral_rgb=9.0, iterations=3)
        )
    )
    result = succeeds(
        "export_model",
        f"--checkpoint_path={run_folder}",
        f"--export_path={folder / 'model'}",
        f"--crf={crf}",
    )
    assert "labels equal to the model's on 100.000 %" in result.out
    return folder / "model", crf


def test_an_export_scores_as_its_checkpoint_with_the_crf(
    refined, run_folder, records, tmp_path
):
    model, crf = refined
    data = f"--dataset_dir={records}"
    reports, printed = {}, {}
    for name, arguments in (
        ("export", (f"--saved_model={model}",)),
        ("checkpoint", (f"--checkpoint_dir={run_folder}", f"--crf={crf}")),
        ("plain", (f"--checkpoint_dir={run_folder}",)),
    ):
        result = succeeds("eval", *arguments, data, f"--eval_logdir={tmp_path / name}")
        printed[name] = result.out
        reports[name] = json.loads((tmp_path / name / "eval.json").read_text())
    matrices = {name: report["confusion_matrix"] for name, report in reports.items()}
    assert matrices["export"] == matrices["checkpoint"] != matrices["plain"]
    assert reports["export"]["crf"] == reports["checkpoint"]["crf"]
    assert reports["plain"]["crf"] is None
    assert "refined by" not in printed["plain"]
    config = serialization.from_json(crf.read_text())
    assert (
        f"refined by a CRF (bilateral {config.bilateral_weight:g} at "
        f"{config.bilateral_xy:g} pixels"
    ) in printed["checkpoint"]
    assert read_network_json(model).crf == config


@pytest.mark.parametrize("command", ["eval", "predict"])
def test_an_export_with_a_crf_takes_no_other(command, refined, records, tmp_path):
    model, crf = refined
    arguments = {
        "eval": (f"--saved_model={model}", f"--eval_logdir={tmp_path / 'out'}"),
        "predict": (f"--checkpoint_path={model}", f"--output_dir={tmp_path / 'out'}"),
    }
    result = run_command(
        command,
        *arguments[command],
        f"--dataset_dir={records}",
        f"--crf={crf}",
        *((crf,) if command == "predict" else ()),
    )
    assert result.code == 1
    assert f"{model} holds a CRF already" in result.err


def test_vis_draws_what_eval_scores(refined, run_folder, records, tmp_path):
    for name, arguments in (("plain", ()), ("refined", (f"--crf={refined[1]}",))):
        succeeds(
            "vis",
            f"--checkpoint_dir={run_folder}",
            f"--dataset_dir={records}",
            f"--vis_logdir={tmp_path / name}",
            "--also_save_raw_predictions",
            "--max_images=1",
            *arguments,
        )
    masks = [
        np.asarray(Image.open(path))
        for path in sorted(tmp_path.glob("*/raw_segmentation_results/*.png"))
    ]
    served = tf.saved_model.load(str(refined[0])).signatures["serving_default"]
    (image,) = (tmp_path / "plain").glob("segmentation_results/*_image.png")
    pixels = np.asarray(Image.open(image))[None]
    expected = served(ImageTensor=tf.constant(pixels))["SemanticPredictions"]
    np.testing.assert_array_equal(masks[1], expected[0])
    assert (masks[0] != masks[1]).any()


TUNING = ("--bilateral_weight=3", "--bilateral_xy=5,9", "--bilateral_rgb=4")


def tune(run, records, folder, *arguments):
    return run_command(
        "tune_crf",
        f"--checkpoint_dir={run}",
        f"--dataset_dir={records}",
        f"--output_dir={folder}",
        *arguments,
    )


def read_table(folder):
    with (folder / "crf_search.csv").open() as file:
        return list(csv.DictReader(file))


def test_tuning_without_iterations_finds_the_score_of_the_network(
    run_folder, records, tmp_path
):
    succeeds(
        "eval",
        f"--checkpoint_dir={run_folder}",
        f"--dataset_dir={records}",
        f"--eval_logdir={tmp_path}",
        "--max_images=3",
    )
    expected = json.loads((tmp_path / "eval.json").read_text())["mean_iou"]
    folder = tmp_path / "tuned"
    result = tune(
        run_folder, records, folder, *TUNING, "--max_images=3", "--iterations=0"
    )
    assert result.code == 0, result.err
    assert f"without a CRF{expected:49.4f}" in result.out
    rows = read_table(folder)
    assert sorted(row["bilateral_xy"] for row in rows) == ["5.0", "9.0"]
    for row in rows:
        assert float(row["mean_iou"]) == pytest.approx(expected, abs=1e-3)
    assert sorted(path.name for path in folder.iterdir()) == [
        "crf.json",
        "crf_search.csv",
        "crf_search.json",
    ]


def test_a_stopped_tuning_goes_on_and_its_best_is_taken(run_folder, records, tmp_path):
    arguments = (*TUNING, "--max_images=1", "--iterations=1")
    result = tune(run_folder, records, tmp_path, *arguments)
    assert result.code == 0, result.err
    state = json.loads((tmp_path / "crf_search.json").read_text())
    # As if it had been stopped before the second, and had found a marvel.
    state["trials"] = state["trials"][:1]
    state["trials"][0]["mean_iou"] = 0.99
    (tmp_path / "crf_search.json").write_text(json.dumps(state))
    result = tune(run_folder, records, tmp_path, *arguments, "--exhaustive")
    assert result.code == 0, result.err
    rows = read_table(tmp_path)
    assert len(rows) == 2
    assert rows[0]["mean_iou"] == "0.99"
    best = serialization.from_json((tmp_path / "crf.json").read_text())
    assert best.bilateral_xy == float(rows[0]["bilateral_xy"])
    result = tune(run_folder, records, tmp_path, *arguments, "--eval_split=train")
    assert result.code == 1
    assert "is of another search, which differs in split" in result.err


def test_a_crf_that_cannot_be_computed_is_left_out(run_folder, records, tmp_path):
    arguments = ("--bilateral_weight=3", "--bilateral_xy=9", "--max_images=1")
    ranges = (*arguments, "--iterations=1", "--bilateral_rgb=0.001,4,5")
    result = tune(run_folder, records, tmp_path / "some", *ranges)
    assert result.code == 0, result.err
    assert "Left out: --bilateral_weight=3 --bilateral_xy=9 --bilateral_rgb=0.001:" in (
        result.err
    )
    rows = read_table(tmp_path / "some")
    assert sorted(row["bilateral_rgb"] for row in rows) == ["4.0", "5.0"]
    impossible = (*arguments, "--iterations=1", "--bilateral_rgb=0.001")
    result = tune(run_folder, records, tmp_path / "none", *impossible)
    assert result.code == 1
    assert "No CRF of these ranges could be computed" in result.err


def test_a_best_at_the_end_of_a_range_is_told(run_folder, records, tmp_path):
    arguments = (*TUNING, "--max_images=1", "--iterations=1")
    result = tune(run_folder, records, tmp_path, *arguments)
    assert "Its bilateral_xy is at an end of its range" in result.out
    assert "bilateral_rgb is at an end" not in result.out


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--bilateral_xy=5,wide", "must be numbers with commas between them"),
        ("--bilateral_rgb=-3,5", "bilateral_rgb is a standard deviation"),
        ("--spatial_xy=0", "spatial_xy is a standard deviation"),
    ],
    ids=["text", "negative", "zero"],
)
def test_bad_ranges_are_told_before_anything_is_loaded(argument, message, tmp_path):
    result = tune("no", "no", tmp_path, argument)
    assert result.code == 1
    assert message in result.err
