# Licensed under the Apache License, Version 2.0.
"""Windows of image pooling grow with the scale of the prediction."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.inference.multi_scale import multi_scale, scaled_size
from deeplab_tf.inference.predictor import at_image_scale, predictor
from deeplab_tf.layers.resize import resize_bilinear
from deeplab_tf.models import build_model
from tests import contracts

WINDOW = (65, 49)
ASPP = ASPPConfig(filters=8, atrous_rates=(), image_pooling_crop_size=WINDOW)
CONFIG = DeepLabV3Config(
    num_classes=3, backbone=MobileNetV2Config(depth_multiplier=0.35), aspp=ASPP
)


def build(**changes):
    aspp = dataclasses.replace(CONFIG.aspp, **changes)
    model = build_model(dataclasses.replace(CONFIG, aspp=aspp))
    contracts.draw_weights(model)
    return model


@pytest.mark.parametrize("scale", [0.5, 1.75])
def test_window_of_a_scaled_image_is_scaled(scale):
    images = contracts.draw_image(97, 129).astype("float32")
    images = resize_bilinear(images, scaled_size((97, 129), scale))
    window = scaled_size(WINDOW, scale)
    expected = build(image_pooling_crop_size=window)(images)["semantic"]
    model = build()
    scaled = at_image_scale(model, scale)(images)["semantic"]
    contracts.assert_close(scaled, expected, tolerance=1e-5)
    assert np.abs(model(images)["semantic"] - expected).max() > 1e-3


def test_prediction_at_several_scales_scales_the_window():
    images = tf.constant(contracts.draw_image(97, 129).astype("float32"))
    found = multi_scale(predictor(build()), scales=(0.5,))(images)["probabilities"]
    window = scaled_size(WINDOW, 0.5)
    same = build(image_pooling_crop_size=window)
    other = predictor(same).function
    small = resize_bilinear(images, scaled_size((97, 129), 0.5))
    logits = resize_bilinear(other(small)["semantic"], (7, 9))
    expected = tf.nn.softmax(resize_bilinear(logits, (97, 129)))
    contracts.assert_close(found, expected, tolerance=1e-4)


def test_layers_are_shared():
    model = build()
    scaled = at_image_scale(model, 0.5)
    assert scaled is not model
    assert [w.path for w in scaled.weights] == [w.path for w in model.weights]
    for mine, other in zip(scaled.weights, model.weights, strict=True):
        assert mine is other


@pytest.mark.parametrize(("window", "scale"), [(None, 0.5), (WINDOW, 1.0)])
def test_network_that_does_not_depend_on_the_scale_stays(window, scale):
    model = build(image_pooling_crop_size=window)
    assert at_image_scale(model, scale) is model
