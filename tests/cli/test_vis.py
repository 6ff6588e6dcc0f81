# Licensed under the Apache License, Version 2.0.
import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.cli import vis
from deeplab_tf.data.catalog.cityscapes import CITYSCAPES
from deeplab_tf.data.catalog.shapes import SHAPES
from deeplab_tf.visualization import palettes
from tests.cli.command import parsed_flags, run_command

pytestmark = pytest.mark.slow


def visualize(checkpoint, records, folder, *args):
    result = run_command(
        "vis",
        f"--checkpoint_dir={checkpoint}",
        f"--dataset_dir={records}",
        f"--vis_logdir={folder}",
        *args,
    )
    assert result.code == 0, result.err
    return result


def read(path):
    return np.array(Image.open(path))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_vis_writes_the_pictures_of_the_original_and_more(
    run_folder, records, tmp_path
):
    visualize(
        run_folder, records, tmp_path, "--also_save_raw_predictions", "--max_images=2"
    )
    results = tmp_path / "segmentation_results"
    kinds = ("error", "image", "overlay", "panel", "prediction")
    assert names_in(results) == [f"{n:06d}_{k}.png" for n in (0, 1) for k in kinds]
    raw = tmp_path / "raw_segmentation_results"
    assert names_in(raw) == ["val_000000.png", "val_000001.png"]
    labels = read(raw / "val_000000.png")
    assert labels.shape == (65, 65)
    assert labels.max() < 6
    colored = palettes.color_labels(labels.astype(int), SHAPES.palette)
    assert np.array_equal(read(results / "000000_prediction.png"), colored)
    assert read(results / "000000_image.png").shape == (65, 65, 3)
    panel = read(results / "000000_panel.png")
    assert panel.shape[1] > 4 * 65


def test_vis_takes_the_asked_colors_and_brings_labels_back(
    run_folder, records, tmp_path
):
    visualize(
        run_folder,
        records,
        tmp_path,
        "--colormap_type=cityscapes",
        "--also_save_raw_predictions",
        "--max_images=1",
        "--min_resize_value=33",
        "--max_resize_value=33",
        "--vis_batch_size=2",
    )
    labels = read(tmp_path / "raw_segmentation_results" / "val_000000.png")
    assert labels.shape == (65, 65)
    colored = palettes.color_labels(labels.astype(int), palettes.cityscapes_palette())
    path = tmp_path / "segmentation_results" / "000000_prediction.png"
    assert np.array_equal(read(path), colored)


def test_vis_needs_no_labels(run_folder, records, unlabelled, tmp_path):
    visualize(run_folder, unlabelled, tmp_path, "--vis_split=test", "--watch")
    assert names_in(tmp_path / "segmentation_results") == [
        "000000_image.png",
        "000000_overlay.png",
        "000000_panel.png",
        "000000_prediction.png",
    ]
    assert not (tmp_path / "raw_segmentation_results").exists()


def test_eval_of_a_split_without_labels_is_refused(run_folder, unlabelled, tmp_path):
    result = run_command(
        "eval",
        f"--checkpoint_dir={run_folder}",
        f"--dataset_dir={unlabelled}",
        "--dataset=shapes",
        "--eval_split=test",
        f"--eval_logdir={tmp_path}",
    )
    assert result.code == 1
    assert "needs labels" in result.err


def test_raw_predictions_are_called_as_the_image(tmp_path):
    labels = np.array([[0, 3]])
    for name in ("a/2007_000032.jpg", "b.PNG", "frame.0012", "plain"):
        vis.write_raw(labels, name, tmp_path)
    assert names_in(tmp_path) == [
        "2007_000032.png",
        "b.png",
        "frame.0012.png",
        "plain.png",
    ]
    assert read(tmp_path / "plain.png").tolist() == [[0, 3]]


def test_raw_predictions_of_cityscapes_are_ids_of_its_server(tmp_path):
    labels = np.array([[0, 5, 6], [15, 16, 18]])
    name = "frankfurt_000000_000294"
    ids = CITYSCAPES.evaluation_ids
    vis.write_raw(labels, name, tmp_path, evaluation_ids=ids)
    assert read(tmp_path / f"{name}.png").tolist() == [[7, 17, 19], [28, 31, 33]]


def test_vis_writes_the_ids_of_the_data_set(run_folder, records, tmp_path):
    data = tmp_path / "records"
    shutil.copytree(records, data)
    path = data / "dataset.json"
    facts = json.loads(path.read_text())
    facts["evaluation_ids"] = [10, 20, 30, 40, 50, 60]
    path.write_text(json.dumps(facts))
    flags = ("--also_save_raw_predictions", "--max_images=1")
    visualize(run_folder, records, tmp_path / "own", *flags)
    visualize(run_folder, data, tmp_path / "server", *flags)
    own, server = (
        read(tmp_path / kind / "raw_segmentation_results" / "val_000000.png")
        for kind in ("own", "server")
    )
    np.testing.assert_array_equal(server, 10 * (own + 1))
    pictures = [
        (tmp_path / kind / "segmentation_results" / "000000_prediction.png")
        for kind in ("own", "server")
    ]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


def test_a_color_map_with_too_few_colors_is_refused():
    few = dataclasses.replace(
        SHAPES,
        classes=tuple(map(str, range(200))),
        palette=SHAPES.palette[:1] * 200,
    )
    with (
        parsed_flags("vis", "--colormap_type=ade20k"),
        pytest.raises(ValueError, match=r"151 colours.*200 classes"),
    ):
        vis.palette_of(few)
    with parsed_flags("vis"):
        assert vis.palette_of(few) == few.palette
