# Licensed under the Apache License, Version 2.0.
"""ASPP in the forms that the original's other networks use, on recorded features."""

import dataclasses

import numpy as np
import pytest

from deeplab_tf.checkpoints.slim_names import slim_name
from deeplab_tf.config.deeplab_v3 import HEAD_STYLE
from deeplab_tf.layers.aspp import ASPP
from tests import goldens

CASES = {
    "resnet_v1_18_v3_os16": "dense branches",
    "resnet_v1_18_beta_v3plus_os16": "separable branches",
    "nas_pnasnet_even_os16": "separable branches, even size",
    "nas_hnasnet_v3plus_os8": "output stride 8",
    "mobilenet_v3_large_seg_os32": "a gate instead of image pooling, no projection",
    "mobilenet_v3_small_seg_os32": "the same, narrower",
}


@pytest.mark.reference
@pytest.mark.parametrize("name", CASES, ids=lambda name: f"{name}: {CASES[name]}")
def test_aspp_equals_the_recorded_encoder(name, reference):
    golden = goldens.load(reference, name)
    # Only the head is built: its options are the same for every backbone.
    options = golden.case["options"] | {"model_variant": "mobilenet_v2"}
    golden = dataclasses.replace(golden, case=golden.case | {"options": options})
    stride = golden.case["output_stride"]
    layer = ASPP(
        golden.config.aspp, style=HEAD_STYLE, output_stride=stride, name="aspp"
    )
    features = golden.arrays["backbone"].astype("float32")[np.newaxis]
    layer.build(features.shape)
    weights = golden.weights
    for weight in layer.weights:
        weight.assign(weights[slim_name(weight.path, scope="MobilenetV2")])
    encoder = np.asarray(layer(features))[0]
    expected = golden.arrays["encoder"].astype("float32")
    # Both are stored as float16.
    assert np.abs(encoder - expected).max() <= 2e-3 * np.abs(expected).max()
