# Licensed under the Apache License, Version 2.0.
"""Networks against the recorded ones of torchvision, VainF and kazuto1011."""

import dataclasses
import json

import numpy as np
import pytest

from deeplab_tf.checkpoints.importer import import_weights
from deeplab_tf.checkpoints.load import load_tensors
from deeplab_tf.checkpoints.tensor_reader import TensorReader
from deeplab_tf.checkpoints.torch_networks import find_network, infer_config
from deeplab_tf.config.deeplab_v2 import RESNET_101_ASPP
from deeplab_tf.inference.predictor import predictor
from deeplab_tf.models import build_model
from tests import contracts, goldens

pytestmark = [pytest.mark.reference, pytest.mark.slow]


@pytest.mark.parametrize(
    "name",
    [
        "torchvision_deeplabv3_resnet50",
        "torchvision_deeplabv3_mobilenet_v3_large",
        "vainf_deeplabv3plus_mobilenet",
        "vainf_deeplabv3plus_resnet50",
        "kazuto1011_deeplabv2_resnet101",
    ],
)
def test_network_is_that_of_pytorch(name, reference):
    folder = reference / "reference" / "pytorch"
    case = json.loads((folder / f"{name}.json").read_text("utf-8"))
    weights = dict(goldens.load_rule(reference).case_weights(case))
    config = infer_config({key: value.shape for key, value in weights.items()})
    model = build_model(config)
    report = import_weights(model, weights, find_network(weights).rules, path=name)
    assert all(tensor.startswith("aux_classifier.") for tensor in report.ignored)
    with np.load(folder / f"{name}.npz") as arrays:
        image, logits, labels = (arrays[k] for k in ("image", "logits", "labels"))
    predict = predictor(
        model, logits_stride=config.logits_stride, resize=config.head_style.resize
    )
    outputs = predict(image)
    contracts.assert_close(outputs["semantic"], logits, tolerance=1e-4)
    assert np.mean(outputs["labels"] == labels) >= 0.999


class Weights(TensorReader):
    """What a file of PyTorch's holds, read already."""

    path = "deeplabv2_resnet101_msc.pth"

    def __init__(self, weights):
        self._weights = weights
        self.shapes = {name: value.shape for name, value in weights.items()}

    def __getitem__(self, name):
        return self._weights[name]


@pytest.mark.parametrize("is_backbone", [False, True])
def test_training_of_other_classes_starts_from_kazuto1011(is_backbone, reference):
    path = reference / "reference/pytorch/kazuto1011_deeplabv2_resnet101.json"
    case = json.loads(path.read_text("utf-8"))
    weights = dict(goldens.load_rule(reference).case_weights(case))
    if is_backbone:
        weights = {
            name.removeprefix("base."): value
            for name, value in weights.items()
            if ".aspp." not in name
        }
        weights["fc.weight"] = np.zeros((91, 2048, 1, 1), "float32")
    model = build_model(dataclasses.replace(RESNET_101_ASPP, num_classes=3))
    report = load_tensors(
        model,
        Weights(weights),
        skip=() if is_backbone else ("^logits/",),
        allow_backbone=is_backbone,
    )
    assert len(report.skipped) == 2 * 4
    assert all(name.startswith("logits/branch") for name in report.skipped)
    assert report.ignored == (("fc.weight",) if is_backbone else ())
    assert report.notes == ()
    name = "layer5.block3.increase.conv.weight"
    theirs = weights[name if is_backbone else f"base.{name}"]
    np.testing.assert_array_equal(
        model.get_layer("block4_unit_3_conv3").kernel, theirs.transpose(2, 3, 1, 0)
    )
