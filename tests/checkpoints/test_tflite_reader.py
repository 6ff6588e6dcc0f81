# Licensed under the Apache License, Version 2.0.
"""TFLite files as checkpoints: the published ones, and some that are made here."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.checkpoints.conventions import adopt_conventions
from deeplab_tf.checkpoints.importer import WeightsMismatchError
from deeplab_tf.checkpoints.load import load_checkpoint, load_tensors
from deeplab_tf.checkpoints.tflite_reader import TFLiteReader
from deeplab_tf.cli.model_options import build_config
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.export.tflite import export_tflite
from deeplab_tf.inference.build_predictor import build_predictor
from deeplab_tf.models import build_model
from tests import contracts
from tests.models.model_cases import config_of

reference_test = pytest.mark.reference


@dataclasses.dataclass(frozen=True)
class Published:
    """A published file: the original's options, crop, and tolerance of the logits."""

    name: str
    file: str
    options: dict
    images: tuple
    mean: float
    resize: str
    tolerance: float
    same_labels: float = 1.0


PASCAL = Published(
    name="deeplabv3_mnv2_dm05_pascal",
    file="deeplabv3_mnv2_dm05_pascal_quant.tflite",
    options={"depth_multiplier": 0.5},
    images=("bird.png", "voc_1.png", "voc_23.png"),
    mean=128.0,
    resize="align_corners",
    tolerance=1e-6,
)
ADE20K = Published(
    name="deeplabv3_mnv2_ade20k_int8",
    file="deeplabv3_mnv2_ade20k_int8.tflite",
    options={"decoder_output_stride": (4,), "num_classes": 32},
    images=("ade_tiny_03.jpg", "ade_val_01.png"),
    mean=127.0,
    resize="asymmetric",
    # Recorded in float16.
    tolerance=5e-4,
    same_labels=0.9999,
)


@pytest.fixture(scope="module", params=[PASCAL, ADE20K], ids=["pascal", "ade20k"])
def published(request):
    return request.param


@pytest.fixture(scope="module")
def folder(reference):
    return reference / "reference" / "trained"


@pytest.fixture(scope="module")
def reader(folder, published):
    return TFLiteReader(folder / published.file)


@reference_test
def test_values_are_those_of_the_recorded_pack(reader, folder, published):
    with np.load(folder / f"{published.name}.npz") as pack:
        assert set(reader) == set(pack)
        for name in pack:
            assert reader.shapes[name] == pack[name].shape
            assert reader[name].dtype == np.float32
            np.testing.assert_array_equal(reader[name], pack[name], err_msg=name)


@reference_test
def test_file_states_its_conventions(reader, published):
    assert reader.input_scaling.mean == (published.mean,) * 3
    assert reader.input_scaling.deviation[0] == pytest.approx(127.75, abs=0.3)
    assert reader.resize == published.resize


@reference_test
@pytest.mark.slow
def test_photos_get_the_recorded_logits_and_labels(reader, folder, published):
    config = adopt_conventions(build_config(published.options), reader)
    assert config.backbone.input_scaling == reader.input_scaling
    assert config.head_style.resize == published.resize
    model = build_model(config)
    report = load_tensors(model, reader)
    assert report.skipped == report.ignored == ()
    predict = build_predictor(model, config, EvaluationConfig(pad_to_crop=False))
    for file in published.images:
        stem = file.partition(".")[0]
        image = np.asarray(Image.open(folder / "images" / file).convert("RGB"))[None]
        logits = np.load(folder / "logits" / published.name / f"{stem}.npy")
        contracts.assert_close(
            np.asarray(model(image)["semantic"]),
            logits[None].astype("float32"),
            tolerance=published.tolerance,
        )
        truth = Image.open(folder / "labels" / published.name / f"{stem}.float.png")
        equal = np.asarray(predict(image)["labels"])[0] == np.asarray(truth)
        assert equal.mean() >= published.same_labels


@reference_test
def test_another_network_is_refused(folder):
    model = build_model(config_of("v3plus"))
    with pytest.raises(WeightsMismatchError, match=r"MobilenetV2/Conv/weights"):
        load_checkpoint(model, folder / PASCAL.file)


@reference_test
def test_file_that_is_cut_short_is_told(folder, tmp_path):
    content = (folder / PASCAL.file).read_bytes()
    path = tmp_path / "short.tflite"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cannot be read as a TFLite file"):
        TFLiteReader(path)


def test_another_kind_of_file_is_told(tmp_path):
    path = tmp_path / "other.tflite"
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(ValueError, match="is no TFLite file"):
        TFLiteReader(path)


def convert(function, *, size, path, calibration=None):
    """Writes a function of one image as a TFLite file, quantised if calibrated."""
    signature = [tf.TensorSpec((1, *size, 3), tf.float32)]
    concrete = tf.function(function, input_signature=signature).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: [[calibration]]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
    path.write_bytes(converter.convert())
    return path


KERNEL = np.linspace(-1, 1, 3 * 4, dtype=np.float32).reshape(1, 1, 3, 4)


def one_layer(x):
    with tf.name_scope("MobilenetV2/Conv"):
        y = tf.nn.conv2d(x, KERNEL, 1, "SAME", name="Conv2D")
        return tf.nn.relu(tf.nn.bias_add(y, np.float32([1, 2, 3, 4]), name="BiasAdd"))


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
def test_int8_input_states_its_scaling(tmp_path):
    pixels = np.linspace(-1, 1, 48, dtype=np.float32).reshape(1, 4, 4, 3)
    path = convert(
        one_layer, size=(4, 4), path=tmp_path / "m.tflite", calibration=pixels
    )
    reader = TFLiteReader(path)
    scaling = reader.input_scaling
    # The first of 256 steps is -1, the last is 1.
    assert [(x - scaling.mean[0]) / scaling.deviation[0] for x in (0, 255)] == (
        pytest.approx([-1, 1], abs=0.01)
    )
    np.testing.assert_allclose(reader["MobilenetV2/Conv/weights"], KERNEL, atol=0.01)


def test_float_file_is_read_and_states_no_scaling(tmp_path):
    reader = TFLiteReader(convert(one_layer, size=(4, 4), path=tmp_path / "m.tflite"))
    np.testing.assert_array_equal(reader["MobilenetV2/Conv/weights"], KERNEL)
    (bias,) = (name for name in reader if "bias" in name)
    np.testing.assert_array_equal(reader[bias], [1, 2, 3, 4])
    assert reader.input_scaling is None
    assert reader.resize is None


def test_file_without_names_of_layers_is_told(tmp_path):
    path = convert(
        lambda x: tf.nn.conv2d(x, KERNEL, 1, "SAME", name="x"),
        size=(4, 4),
        path=tmp_path / "m.tflite",
    )
    with pytest.raises(ValueError, match="no layer can be told from the tensor name"):
        TFLiteReader(path)


def test_file_without_layers_is_told(tmp_path):
    path = convert(lambda x: x + 1.0, size=(4, 4), path=tmp_path / "m.tflite")
    with pytest.raises(ValueError, match="holds no convolutions"):
        TFLiteReader(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"decoder_output_stride": (4,), "atrous_rates": (6,), "depth_multiplier": 0.35},
        # The gate adds 3 to the bias of the convolution before it.
        {"model_variant": "mobilenet_v3_small_seg", "image_se_uses_qsigmoid": True}
        | {"aspp_with_squeeze_and_excitation": True},
    ],
    ids=["v3plus", "gates"],
)
def test_file_of_our_own_is_read_back(options, tmp_path):
    config = build_config(options | {"aspp_convs_filters": 16, "num_classes": 5})
    model, other = build_model(config), build_model(config)
    contracts.draw_weights(model)
    path = tmp_path / "model.tflite"
    export_tflite(
        model, path, config=config, evaluation=EvaluationConfig(crop_size=(65, 65))
    )
    report = load_checkpoint(other, path)
    assert report.format.startswith("TFLite file of deeplab_tf, batch norm folded")
    assert len(report.assigned) == len(model.weights)
    image = np.random.default_rng(0).integers(0, 256, (1, 65, 65, 3), dtype=np.uint8)
    contracts.assert_close(
        other(image)["semantic"], model(image)["semantic"], tolerance=1e-5
    )


@reference_test
def test_conventions_that_a_backbone_lacks_are_warned_of(reader, caplog):
    config = build_config({"model_variant": "xception_41"})
    with caplog.at_level("WARNING"):
        adopted = adopt_conventions(config, reader)
    assert adopted.backbone == config.backbone
    assert "xception_41 cannot be told to" in caplog.text


@reference_test
def test_classifier_of_other_classes_is_skipped(reader, folder, published, tmp_path):
    """An archive may hold it, and the last layer may be left out, as of any other."""
    shutil.copy(folder / published.file, tmp_path / published.file)
    options = published.options | {"num_classes": 5}
    model = build_model(build_config(options))
    report = load_checkpoint(model, tmp_path, skip=["^logits/"])
    assert report.skipped == ("logits/kernel", "logits/bias")


def test_scaling_is_part_of_the_configuration():
    scaling = PixelScaling(mean=(128.0,) * 3, deviation=(128.0,) * 3)
    config = build_config({})
    backbone = dataclasses.replace(config.backbone, input_scaling=scaling)
    assert backbone.padding_pixel == (128.0, 128.0, 128.0)
