# Licensed under the Apache License, Version 2.0.
"""DeepLabv3 (arXiv:1706.05587): backbone, ASPP, classifier."""

import itertools
from collections.abc import Callable
from typing import Any

import keras

from deeplab_tf.backbones import build_backbone
from deeplab_tf.config.aspp import ClassifierConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.dense_prediction_cell import DensePredictionCellConfig
from deeplab_tf.layers.aspp import ASPP
from deeplab_tf.layers.atrous_classifier import AtrousClassifier, logits_initializer
from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.dense_prediction_cell import DensePredictionCell
from deeplab_tf.models.image_pyramid import build_scales


def build_deeplab_v3(config: DeepLabV3Config) -> keras.Model:
    """Builds DeepLabv3.

    Returns:
        A model from [B, H, W, 3] RGB in 0..255 to {"semantic": [B, h, w, C]} logits,
        float32, at the backbone's output stride. With an image pyramid they are the
        merged ones at the largest scale's size, beside those of "semantic/<scale>".
    """
    backbone = build_backbone(config.backbone, config.backbone_style)
    encode = build_encoder(config)
    classify = build_logits(config)

    def head(features, *, image_scale):
        return classify(encode(features, image_scale=image_scale))

    return build_scales(
        config,
        backbone,
        head,
        logits_stride=config.backbone.output_stride,
        name="deeplab_v3",
    )


def build_encoder(config) -> Callable[..., Any]:
    """Returns what stands between backbone and classifier, or decoder.

    It is called with the features and `image_scale`, once for each scale of an image
    pyramid. ASPP is the same layer for all of them; each scale has a dense prediction
    cell of its own, as in the original, whose scope is not reused.
    """
    if config.aspp is None:
        return lambda features, *, image_scale: features
    options = {
        "style": config.head_style,
        "output_stride": config.backbone.output_stride,
    }
    if not isinstance(config.aspp, DensePredictionCellConfig):
        return ASPP(config.aspp, name="aspp", **options)
    numbers = itertools.count()

    def encode(features, *, image_scale):
        number = next(numbers)
        name = f"dense_prediction_cell_{number}" if number else "dense_prediction_cell"
        cell = DensePredictionCell(config.aspp, name=name, **options)
        return cell(features, image_scale=image_scale)

    return encode


def build_logits(config) -> AtrousConv | AtrousClassifier:
    """Returns the classifier, float32 under any policy."""
    classifier = getattr(config, "classifier", ClassifierConfig())
    if classifier.atrous_rates:
        return AtrousClassifier(
            config.num_classes,
            classifier.kernel_size,
            rates=classifier.atrous_rates,
            style=config.head_style,
            name="logits",
            dtype="float32",
        )
    return AtrousConv(
        config.num_classes,
        classifier.kernel_size,
        style=config.head_style,
        normalize=False,
        kernel_initializer=logits_initializer(),
        name="logits",
        dtype="float32",
    )
