# Licensed under the Apache License, Version 2.0.
"""A small network whose labels follow the image, without a training."""

import dataclasses

import keras
import numpy as np

from deeplab_tf.config.aspp import ASPPConfig, DecoderConfig
from deeplab_tf.config.deeplab_v3 import HEAD_STYLE
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.mobilenet_v2 import MOBILENET_STYLE, MobileNetV2Config
from deeplab_tf.config.recipe import rescale_rates
from deeplab_tf.data.catalog import DatasetInfo
from deeplab_tf.export import comparison
from deeplab_tf.models import build_model

CONFIG = DeepLabV3PlusConfig(
    num_classes=5,
    backbone=MobileNetV2Config(depth_multiplier=0.35, output_stride=16),
    backbone_style=dataclasses.replace(MOBILENET_STYLE, norm_momentum=0.0),
    aspp=ASPPConfig(filters=16, atrous_rates=(2, 4)),
    decoder=DecoderConfig(filters=16, projected_filters=8),
    head_style=dataclasses.replace(HEAD_STYLE, norm_momentum=0.0),
)

CLASSES = DatasetInfo(
    name="letters",
    classes=("a", "b", "c", "d", "e"),
    palette=tuple((50 * i, 10, 20) for i in range(5)),
    ignore_label=255,
    splits={},
)


def build_network(*, output_stride=16):
    """Returns (model, config)."""
    config = CONFIG
    if output_stride != 16:
        config = rescale_rates(CONFIG, output_stride)
    keras.utils.set_random_seed(3)
    model = build_model(config)
    (images,) = comparison.probe_images((4, 129, 129), seed=1)
    images = images.astype(np.float32)
    # Without momentum one step gives batch norm the statistics of these images, so
    # that no layer loses the signal.
    model(images, training=True)
    logits = np.asarray(model(images, training=False)["semantic"]).reshape(-1, 5)
    # No class wins everywhere.
    classifier = model.get_layer("logits")
    classifier.kernel.assign(classifier.kernel / logits.std(axis=0))
    classifier.bias.assign(-logits.mean(axis=0) / logits.std(axis=0))
    return model, config
