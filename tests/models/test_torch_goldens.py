# Licensed under the Apache License, Version 2.0.
"""Networks against the recorded ones of torchvision, VainF and kazuto1011."""

import json

import numpy as np
import pytest

from deeplab_tf.checkpoints.importer import import_weights
from deeplab_tf.checkpoints.torch_networks import find_network, infer_config
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
