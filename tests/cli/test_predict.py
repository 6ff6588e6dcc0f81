# Licensed under the Apache License, Version 2.0.
import csv
import dataclasses

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.cli import predict
from deeplab_tf.data import shapes
from deeplab_tf.data.catalog.shapes import SHAPES
from deeplab_tf.data.dataset_json import write_dataset_json
from deeplab_tf.visualization import overlay, palettes
from tests.cli.command import run_command

ORIENTATION_TAG = 0x0112


def predict_with(checkpoint, folder, *arguments):
    return run_command(
        "predict",
        f"--checkpoint_path={checkpoint}",
        f"--output_dir={folder}",
        *arguments,
    )


def read_rows(folder):
    with (folder / "class_shares.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_mask(path):
    return np.asarray(Image.open(path))


def names_below(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


@pytest.fixture
def photos(tmp_path):
    """A folder of images of many kinds, and of two files that are none."""
    folder = tmp_path / "photos"
    (folder / "old").mkdir(parents=True)
    image, _ = shapes.draw_example("val", index=0, seed=0, image_size=65)
    rgb = Image.fromarray(image).crop((0, 0, 65, 49))
    rgb.save(folder / "plain.png")
    rgb.save(folder / "old" / "plain.png")
    rgb.convert("L").save(folder / "grey.png")
    rgb.convert("RGBA").save(folder / "alpha.png")
    rgb.quantize().save(folder / "palette.png")
    rgb.convert("CMYK").save(folder / "cmyk.jpg")
    wide = np.asarray(rgb.convert("L")).astype(np.uint16) << 8
    Image.fromarray(wide).save(folder / "deep.png")
    exif = rgb.getexif()
    exif[ORIENTATION_TAG] = 6
    rgb.save(folder / "turned.jpg", exif=exif)
    (folder / "text.png").write_text("no image")
    (folder / "cut.jpg").write_bytes((folder / "cmyk.jpg").read_bytes()[:500])
    return folder


@pytest.mark.slow
def test_a_folder_of_all_kinds_of_images(run_folder, photos, tmp_path):
    out = tmp_path / "out"
    result = predict_with(run_folder, out, f"--input={photos}")
    assert result.code == 1
    assert "error: 2 of 10 images were passed over" in result.err
    assert f"{photos / 'text.png'} is no image" in result.err
    assert f"{photos / 'cut.jpg'} cannot be decoded" in result.err
    names = ("alpha", "cmyk", "deep", "grey", "old/plain", "palette", "plain", "turned")
    kinds = ("mask", "overlay")
    assert names_below(out) == sorted(
        [
            "class_shares.csv",
            *(f"{name}_{kind}.png" for name in names for kind in kinds),
        ]
    )
    assert f"Masks and overlays of 8 images are in {out}" in result.out
    # The camera was held upright.
    assert read_mask(out / "turned_mask.png").shape == (65, 49)
    plain = read_mask(out / "plain_mask.png")
    for name in ("alpha", "old/plain"):
        np.testing.assert_array_equal(read_mask(out / f"{name}_mask.png"), plain)

    rows = [row for row in read_rows(out) if row["image"] == str(photos / "plain.png")]
    for row in rows:
        pixels = int((plain == int(row["class_id"])).sum())
        assert row["class"] == SHAPES.classes[int(row["class_id"])]
        assert int(row["pixels"]) == pixels > 0
        assert float(row["share"]) == pytest.approx(pixels / plain.size, abs=1e-6)
    assert sum(int(row["pixels"]) for row in rows) == plain.size

    picture = Image.open(out / "plain_mask.png")
    assert picture.mode == "P"
    colored = palettes.color_labels(plain.astype(int), SHAPES.palette)
    np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), colored)
    image = np.asarray(Image.open(photos / "plain.png"))
    background = 0 if SHAPES.has_background else None
    np.testing.assert_array_equal(
        np.asarray(Image.open(out / "plain_overlay.png")),
        overlay.overlay(
            image, plain.astype(int), SHAPES.palette, ignore_label=background
        ),
    )


@pytest.mark.slow
def test_exports_give_the_labels_of_their_checkpoint(
    run_folder, exported, photos, tmp_path
):
    paths = {
        "checkpoint": run_folder,
        "both": exported[1],
        "tflite": exported[1] / "model.tflite",
    }
    shown = {"both": "SavedModel:", "tflite": "TFLite file:"}
    masks = {}
    for name, path in paths.items():
        result = predict_with(path, tmp_path / name, photos / "plain.png")
        assert result.code == 0, result.err
        assert shown.get(name, "") in result.out
        masks[name] = read_mask(tmp_path / name / "plain_mask.png")
        assert {row["class"] for row in read_rows(tmp_path / name)} <= {*SHAPES.classes}
        assert "numbered" not in result.err
    assert (masks["both"] == masks["checkpoint"]).mean() >= 0.999
    # Its padding is 128 in place of 127.5.
    assert (masks["tflite"] == masks["checkpoint"]).mean() >= 0.95


@pytest.mark.slow
def test_tiles_of_a_checkpoint_and_of_its_export_agree(run_folder, exported, tmp_path):
    image, _ = shapes.draw_example("val", index=1, seed=0, image_size=129)
    Image.fromarray(image).save(tmp_path / "large.png")
    arguments = ("--tile_size=65", "--tile_overlap=17", tmp_path / "large.png")
    masks = []
    for name, path in (("run", run_folder), ("export", exported[1] / "saved_model")):
        result = predict_with(path, tmp_path / name, *arguments)
        assert result.code == 0, result.err
        assert "In tiles of 65 x 65 pixels that overlap by 17 x 17." in result.err
        masks.append(read_mask(tmp_path / name / "large_mask.png"))
    assert masks[0].shape == (129, 129)
    assert (masks[0] == masks[1]).mean() >= 0.999


@pytest.mark.slow
def test_classes_of_a_run_are_those_of_its_own_data(run_copy, photos, tmp_path):
    # Nobody else knows this data set.
    mine = dataclasses.replace(
        SHAPES, name="mine", classes=tuple(f"thing {i}" for i in range(6))
    )
    write_dataset_json(run_copy, info=mine, frequencies={})
    result = predict_with(run_copy, tmp_path / "out", photos / "plain.png")
    assert result.code == 0, result.err
    assert f"{photos / 'plain.png'}: thing " in result.out
    assert {row["class"] for row in read_rows(tmp_path / "out")} <= {*mine.classes}


@pytest.mark.slow
def test_training_keeps_the_classes_beside_its_checkpoints(run_folder):
    for folder in (run_folder, run_folder / "best"):
        assert (folder / "dataset.json").is_file()


@pytest.mark.reference
def test_a_published_file_gives_the_recorded_mask(reference, tmp_path):
    folder = reference / "reference" / "trained"
    result = predict_with(
        folder / "deeplabv3_mnv2_dm05_pascal_quant.tflite",
        tmp_path,
        "--dataset=voc2012",
        folder / "images" / "voc_23.png",
    )
    assert result.code == 0, result.err
    assert "voc_23.png: background 71.1 %, sheep 28.9 %" in result.out
    mask = read_mask(tmp_path / "voc_23_mask.png")
    labels = folder / "labels" / "deeplabv3_mnv2_dm05_pascal" / "voc_23.xnnpack.png"
    assert (mask == read_mask(labels)).mean() > 0.99


def write_pixel_network(path, *, size=(8, 8)):
    """Writes a TFLite file whose classes are the brightness of the red channel."""
    import tensorflow as tf

    spec = tf.TensorSpec([1, *size, 3], tf.uint8)
    function = tf.function(
        lambda pixels: tf.cast(pixels[..., 0], tf.int32), input_signature=[spec]
    )
    concrete = function.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    path.write_bytes(converter.convert())
    return path


@pytest.fixture
def brightness(tmp_path):
    return write_pixel_network(tmp_path / "brightness.tflite")


def write_image(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.repeat(np.uint8(values)[..., None], 3, axis=2)).save(path)
    return path


def test_images_of_equal_names_keep_their_folders(brightness, tmp_path):
    for number in (1, 2):
        write_image(tmp_path / f"{number}" / "a.png", np.full([4, 5], number))
    out = tmp_path / "out"
    result = predict_with(
        brightness, out, f"--input={tmp_path / '1' / 'a.png'}", tmp_path / "2" / "a.png"
    )
    assert result.code == 0, result.err
    for number in (1, 2):
        mask = read_mask(out / f"{number}" / "a_mask.png")
        np.testing.assert_array_equal(mask, np.full([4, 5], number))
    rows = read_rows(out)
    assert [(row["class"], row["pixels"], row["share"]) for row in rows] == [
        ("class_1", "20", "1.000000"),
        ("class_2", "20", "1.000000"),
    ]


def test_results_are_written_again_and_never_read(brightness, tmp_path):
    write_image(tmp_path / "a.png", [[3, 3, 3, 7]])
    for _ in range(2):
        result = predict_with(brightness, tmp_path, tmp_path)
        assert result.code == 0, result.err
        assert f"{tmp_path / 'a.png'}: class_3 75.0 %, class_7 25.0 %" in result.out
        assert len(read_rows(tmp_path)) == 2
    assert names_below(tmp_path) == [
        "a.png",
        "a_mask.png",
        "a_overlay.png",
        "brightness.tflite",
        "class_shares.csv",
    ]
    assert "2 files of an earlier prediction are left out" in result.err


def test_a_class_without_a_name_is_an_error(brightness, tmp_path):
    path = write_image(tmp_path / "a.png", [[3, 30]])
    result = predict_with(brightness, tmp_path / "out", "--dataset=voc2012", path)
    assert result.code == 1
    assert "predicts class 30, and data set 'voc2012' has 21" in result.err


def test_too_little_memory_says_what_to_do(brightness, tmp_path, monkeypatch):
    def fails(network, **options):
        def run(image):
            raise MemoryError

        return run

    monkeypatch.setattr(predict.tile_flags, "image_function", fails)
    path = write_image(tmp_path / "a.png", [[3, 30]])
    result = predict_with(brightness, tmp_path / "out", path)
    assert result.code == 1
    assert "a.png of 1 x 2 pixels does not fit into memory: give --tile_size" in (
        result.err
    )


def test_wrong_inputs_are_told_before_the_network_is_opened(tmp_path):
    result = predict_with(tmp_path / "none", tmp_path / "out", tmp_path / "absent.jpg")
    assert result.code == 1
    assert "absent.jpg: there is no such file or folder" in result.err
    assert not (tmp_path / "out").exists()
    result = predict_with(tmp_path / "none", tmp_path / "out")
    assert "--input must be given" in result.err
    result = run_command("predict", "--checkpoint_path=a", "photo.jpg")
    assert "--checkpoint_path, or --pretrained, and --output_dir must be" in result.err


def test_classes_are_counted_in_parts(monkeypatch):
    labels = np.random.default_rng(0).integers(0, 5, [37, 11])
    expected = np.bincount(labels.ravel())
    monkeypatch.setattr(predict, "_COUNTED_PIXELS", 50)
    np.testing.assert_array_equal(predict.count_classes(labels), expected)


def test_the_largest_classes_are_named_first():
    counts = np.array([1, 0, 5, 4, 5])
    info = dataclasses.replace(SHAPES, classes=tuple("abcdef"))
    assert (
        predict.describe_image("p", counts, info) == "p: c 33.3 %, e 33.3 %, d 26.7 %"
    )
    assert [row[2:4] for row in predict.share_rows("p", counts, info)] == [
        ("a", 1),
        ("c", 5),
        ("d", 4),
        ("e", 5),
    ]
