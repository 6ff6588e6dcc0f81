# Licensed under the Apache License, Version 2.0.
"""Predictions of the original's networks, with the weights it was recorded with."""

import importlib.util
import json

import numpy as np
import pytest

from deeplab_tf.checkpoints.importer import import_weights
from deeplab_tf.checkpoints.slim_names import slim_rules
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.inference.fit_to_crop import fit_to_crop
from deeplab_tf.inference.multi_scale import multi_scale
from deeplab_tf.inference.predictor import predictor
from deeplab_tf.models import build_model

pytestmark = pytest.mark.reference


def load_case(reference, name):
    """Returns options and recorded arrays of a case."""
    folder = reference / "reference" / "official"
    case = json.loads((folder / f"{name}.json").read_text())
    return case, np.load(folder / f"{name}.npz")


def build_network(reference, case):
    """Returns DeepLabv3 on MobileNetV2 with the weights of a case."""
    backbone = MobileNetV2Config(
        depth_multiplier=case["options"]["depth_multiplier"],
        output_stride=case["output_stride"],
    )
    model = build_model(DeepLabV3Config(num_classes=21, backbone=backbone))
    spec = importlib.util.spec_from_file_location(
        "reference_weights", reference / "reference" / "reference_weights.py"
    )
    rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
    import_weights(model, dict(rule.case_weights(case)), slim_rules("MobilenetV2"))
    return model, backbone


@pytest.fixture(scope="module")
def network(reference):
    return build_network(
        reference, load_case(reference, "mobilenet_v2_dm10_v3_os16")[0]
    )


def assert_mostly_equal(labels, expected):
    assert np.mean(np.asarray(labels) == expected) >= 0.999


def assert_logits_equal(logits, expected):
    assert np.abs(logits - expected).max() <= 1e-4 * np.abs(expected).max()


def test_predictor_equals_the_original(reference, network):
    recorded = load_case(reference, "mobilenet_v2_dm10_v3_os16")[1]
    predict = predictor(network[0])
    assert predict.logits_stride == 16
    outputs = predict(recorded["image"])
    assert_logits_equal(outputs["semantic"], recorded["logits"])
    assert_mostly_equal(outputs["labels"], recorded["labels"])


@pytest.mark.slow
@pytest.mark.parametrize("flip", [False, True], ids=["noflip", "flip"])
def test_multi_scale_equals_the_original(reference, network, flip):
    case, recorded = load_case(reference, "multi_scale_mobilenet_v2_dm10")
    predict = fit_to_crop(
        multi_scale(predictor(network[0]), scales=case["eval_scales"], flip=flip),
        crop_size=case["crop_size"],
        padding_pixel=network[1].padding_pixel,
    )
    outputs = predict(recorded["image"])
    probabilities = outputs["probabilities"].numpy()
    assert_mostly_equal(
        outputs["labels"], recorded["labels_flip" if flip else "labels_noflip"]
    )
    if flip:
        expected = recorded["mean_probabilities_flip"]
    else:
        expected = recorded["mean_probabilities_noflip_rows"]
        probabilities = probabilities[::8]
    # Recorded in float16, whose last bit is 5e-4 of the value.
    np.testing.assert_allclose(probabilities, expected, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["mobilenet_v2_dm10_padded_os16", "mobilenet_v2_dm05_resized_os16"]
)
def test_fitted_images_equal_the_original(reference, name):
    case, recorded = load_case(reference, name)
    model, backbone = build_network(reference, case)
    options = case["options"]
    predict = fit_to_crop(
        predictor(model),
        crop_size=tuple(case["crop_size"]),
        padding_pixel=backbone.padding_pixel,
        min_resize_value=options.get("min_resize_value"),
        max_resize_value=options.get("max_resize_value"),
        resize_factor=options.get("resize_factor"),
    )
    outputs = predict(recorded["image"])
    assert_logits_equal(outputs["semantic"], recorded["logits"])
    assert_mostly_equal(outputs["labels"], recorded["labels"])
    assert outputs["probabilities"].shape[:2] == recorded["labels"].shape
