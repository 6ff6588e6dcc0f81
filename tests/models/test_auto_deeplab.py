# Licensed under the Apache License, Version 2.0.
"""Auto-DeepLab: the networks of its paper, arXiv:1901.02985, table 4."""

import math

import keras
import pytest

from deeplab_tf.config.aspp import ASPPConfig, DecoderConfig
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.nasnet import NASNetConfig
from deeplab_tf.models import build_model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filters", "millions"), [(20, 10.15), (32, 21.62), (48, 44.42)]
)
def test_parameters_are_those_of_the_paper(filters, millions):
    """Its ASPP and decoder have full 3x3 convolutions, and separable ones are fewer."""
    config = DeepLabV3PlusConfig(
        num_classes=19,
        backbone=NASNetConfig(network="hnasnet", output_stride=8, filters=filters),
        aspp=ASPPConfig(atrous_rates=(12, 24, 36), separable=False),
        decoder=DecoderConfig(separable=False),
    )
    with keras.StatelessScope(initialize_variables=False):
        weights = build_model(config).trainable_weights
    keras.backend.clear_session()
    assert round(sum(math.prod(w.shape) for w in weights) / 1e6, 2) == millions
