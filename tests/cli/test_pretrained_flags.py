# Licensed under the Apache License, Version 2.0.
"""--pretrained through the commands, from a server on loopback with made archives."""

import json

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.checkpoints import download, transfer
from deeplab_tf.checkpoints.published import get_published
from deeplab_tf.cli import pretrained_flags, recipe_flags
from deeplab_tf.models import build_model
from tests import contracts
from tests.checkpoints.file_server import run_server
from tests.cli.command import parsed_flags, run_command
from tests.cli.tf1_checkpoint import pack_network

NAME = "mobilenetv2_dm05_coco_voc_trainaug"
ARCHIVE = "deeplabv3_mnv2_dm05_pascal_trainaug_2018_10_01.tar.gz"


@pytest.fixture(scope="module")
def model():
    model = build_model(get_published(NAME).model)
    contracts.draw_weights(model)
    return model


@pytest.fixture(scope="module")
def archive(model, tmp_path_factory):
    return pack_network(model, tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """The cache folder."""
    folder = tmp_path / "weights"
    monkeypatch.setenv(download.CACHE_VARIABLE, str(folder))
    monkeypatch.delenv(download.MIRROR_VARIABLE, raising=False)
    return folder


@pytest.fixture
def server(monkeypatch, weights):
    monkeypatch.setattr(transfer, "WAIT_SECONDS", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with run_server() as state:
        monkeypatch.setenv(download.MIRROR_VARIABLE, state.url)
        yield state


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, [33, 49, 3], np.uint8)
    Image.fromarray(pixels).save(path)
    return path


SMALL = ("--crop_size=65", "--crop_size=65")


def test_a_file_of_another_network_is_told_with_what_to_remove(
    server, weights, archive, photo, tmp_path
):
    ade20k = get_published("mobilenetv2_ade20k_train")
    server.serve(ade20k.file_name, archive)
    result = run_command(
        "predict",
        f"--pretrained={ade20k.name}",
        f"--input={photo}",
        f"--output_dir={tmp_path / 'out'}",
    )
    assert result.code == 1
    file = weights / ade20k.file_name
    assert f"{file} is not {ade20k.name}" in result.err
    assert f"remove it and {file}.sha256" in result.err


@pytest.mark.slow
def test_predict_downloads_once_and_then_runs_offline(
    server, weights, archive, photo, tmp_path
):
    # It breaks off once, and goes on.
    server.serve(ARCHIVE, archive, break_after=[50_000])
    common = (f"--pretrained={NAME}", *SMALL, f"--input={photo}")
    result = run_command("predict", *common, f"--output_dir={tmp_path / 'a'}")
    assert result.code == 0, result.err
    assert "0 variables missing" in result.out
    assert sorted(path.name for path in weights.iterdir()) == [
        ARCHIVE,
        f"{ARCHIVE}.sha256",
    ]
    result = run_command(
        "predict", *common, f"--output_dir={tmp_path / 'b'}", "--offline"
    )
    assert result.code == 0, result.err
    assert [wanted for _, wanted in server.requests] == [None, "bytes=50000-"]
    masks = [(tmp_path / name / "photo_mask.png").read_bytes() for name in "ab"]
    assert masks[0] == masks[1]


@pytest.mark.slow
def test_export_has_the_network_and_the_classes_of_the_entry(
    server, archive, model, tmp_path
):
    import tensorflow as tf

    server.serve(ARCHIVE, archive)
    target = tmp_path / "export"
    result = run_command(
        "export_model", f"--pretrained={NAME}", f"--export_path={target}", *SMALL
    )
    assert result.code == 0, result.err
    info = json.loads((target / "assets.extra" / "network.json").read_text())
    assert info["classes"][15] == "person"
    assert info["output_stride"] == 16
    loaded = tf.saved_model.load(str(target))
    assert "serving_default" in loaded.signatures


@pytest.mark.slow
def test_vis_reads_the_archive(server, archive, unlabelled, tmp_path):
    server.serve(ARCHIVE, archive)
    result = run_command(
        "vis",
        f"--pretrained={NAME}",
        f"--dataset_dir={unlabelled}",
        "--vis_split=test",
        "--vis_crop_size=65,65",
        f"--vis_logdir={tmp_path / 'vis'}",
    )
    assert result.code == 0, result.err
    pictures = tmp_path / "vis" / "segmentation_results"
    assert (pictures / "000000_prediction.png").is_file()


@pytest.mark.slow
def test_eval_says_when_the_data_have_other_classes(server, archive, records, tmp_path):
    server.serve(ARCHIVE, archive)
    result = run_command(
        "eval",
        f"--pretrained={NAME}",
        f"--dataset_dir={records}",
        f"--eval_logdir={tmp_path / 'eval'}",
    )
    assert result.code == 1
    assert "is a network of 21 classes, and data set 'shapes' has 6" in result.err


def train(records, folder, *args):
    return run_command(
        "train",
        f"--pretrained={NAME}",
        f"--dataset_dir={records}",
        f"--train_logdir={folder}",
        "--training_number_of_steps=1",
        "--train_batch_size=2",
        "--train_crop_size=65,65",
        "--fine_tune_batch_norm=false",
        "--eval_split=",
        *args,
    )


@pytest.mark.slow
def test_training_starts_from_the_network_of_the_entry(
    server, archive, records, tmp_path
):
    server.serve(ARCHIVE, archive)
    run = tmp_path / "run"
    result = train(records, run)
    assert result.code == 1
    assert "--initialize_last_layer=false" in result.err
    result = train(records, run, "--initialize_last_layer=false")
    assert result.code == 0, result.err
    assert "Weights from" in result.out
    config = json.loads((run / "config.json").read_text())["config"]
    assert config["model"]["backbone"]["depth_multiplier"] == 0.5
    assert config["model"]["num_classes"] == 6
    # A run that goes on needs no download.
    for path in (tmp_path / "weights").iterdir():
        path.unlink()
    result = train(records, run, "--initialize_last_layer=false", "--offline")
    assert result.code == 0, result.err


@pytest.mark.parametrize(
    ("command", "flags", "message"),
    [
        ("predict", ["--pretrained=nothing"], "no released checkpoint 'nothing'"),
        (
            "predict",
            ["--pretrained=xception_65_imagenet"],
            "a classifier of whole images",
        ),
        (
            "export_model",
            ["--pretrained=garden_mobilenetv2_deeplabv3_voc_qat"],
            "No network is built",
        ),
        (
            "predict",
            [f"--pretrained={NAME}", "--checkpoint_path=a"],
            "Give --checkpoint_path or --pretrained, not both",
        ),
        (
            "predict",
            [f"--pretrained={NAME}", "--recipe=deeplab_v3_mobilenet_v2_voc2012"],
            "leave --recipe out",
        ),
        ("predict", [f"--pretrained={NAME}", "--offline"], f"{ARCHIVE} is not in"),
        ("predict", [], "--checkpoint_path, or --pretrained, and --output_dir"),
        ("export_model", [], "--checkpoint_path, or --pretrained, and --export_path"),
    ],
)
def test_bad_input_is_told_before_anything_is_downloaded(
    weights, photo, tmp_path, command, flags, message
):
    if command == "predict":
        flags = [*flags, f"--input={photo}"]
    if flags:
        name = "output_dir" if command == "predict" else "export_path"
        flags = [*flags, f"--{name}={tmp_path / 'out'}"]
    result = run_command(command, *flags)
    assert result.code == 1
    assert message in result.err


@pytest.mark.slow
def test_flag_that_contradicts_the_entry_is_refused(server, archive, photo, tmp_path):
    server.serve(ARCHIVE, archive)
    result = run_command(
        "predict",
        f"--pretrained={NAME}",
        "--depth_multiplier=1.0",
        f"--input={photo}",
        f"--output_dir={tmp_path / 'out'}",
    )
    assert result.code == 1
    assert "--depth_multiplier=1.0 does not fit the checkpoint" in result.err


def test_host_that_is_not_there_ends_with_one_message(weights, photo, tmp_path):
    with run_server() as gone:
        url = gone.url
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(download.MIRROR_VARIABLE, url)
        patch.setenv("no_proxy", "127.0.0.1")
        result = run_command(
            "predict",
            f"--pretrained={NAME}",
            f"--input={photo}",
            f"--output_dir={tmp_path / 'out'}",
        )
    assert result.code == 1
    for part in (ARCHIVE, f"{url}/{ARCHIVE}", str(weights), "--weights_dir"):
        assert part in result.err


@pytest.mark.parametrize(
    ("name", "flags", "variant", "num_classes"),
    [
        ("xception_41_imagenet", [], "xception_41", 6),
        ("xception_41_imagenet", ["--decoder_output_stride=4"], "xception_41", 6),
        ("xception65_coco_voc_trainaug", [], "xception_65", 6),
        ("EdgeTPU-DeepLab-slim", [], "mobilenet_edgetpu", 6),
    ],
)
def test_training_takes_the_network_of_an_entry_where_there_is_no_recipe(
    name, flags, variant, num_classes
):
    with parsed_flags("train", f"--pretrained={name}", *flags):
        recipe = recipe_flags.build_recipe(
            num_classes=6, network=pretrained_flags.network()
        )
    assert recipe.model.backbone.variant == variant
    assert recipe.model.num_classes == num_classes
    assert hasattr(recipe.model, "decoder") is bool(flags or "65" in name)


def test_progress_is_shown_in_megabytes(server, tmp_path, archive, monkeypatch):
    class Bar:
        def __init__(self, total, *, unit):
            shown.append((total, unit))

        def __call__(self, done, *, note):
            shown.append((done, note))

        def close(self):
            shown.append("closed")

    shown = []
    monkeypatch.setattr(pretrained_flags, "Progress", Bar)
    server.serve(ARCHIVE, archive)
    with parsed_flags("predict", f"--pretrained={NAME}", f"--weights_dir={tmp_path}"):
        path = pretrained_flags.checkpoint("checkpoint_path")
    assert path == str(tmp_path / ARCHIVE)
    size = len(archive) / 1e6
    assert shown[0] == (round(size), "MB")
    assert shown[-2:] == [(size, ARCHIVE), "closed"]
