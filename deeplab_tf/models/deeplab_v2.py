# Licensed under the Apache License, Version 2.0.
"""DeepLabv2 (arXiv:1606.00915): backbone and atrous classifiers that are summed."""

from collections.abc import Callable
from typing import Any

import keras

from deeplab_tf.backbones import build_backbone
from deeplab_tf.config.aspp import FullyConnectedClassifierConfig
from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
from deeplab_tf.config.vgg import VGGConfig
from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.summed_classifier import SummedClassifier
from deeplab_tf.models.deeplab_v3 import build_logits
from deeplab_tf.models.image_pyramid import build_scales


def build_deeplab_v2(config: DeepLabV2Config) -> keras.Model:
    """Builds DeepLabv2.

    Returns:
        A model from [B, H, W, 3] RGB in 0..255 to {"semantic": [B, h, w, C]} logits,
        float32, at the backbone's output stride. With an image pyramid they are the
        merged ones at the largest scale's size, beside those of "semantic/<scale>".
    """
    backbone = build_backbone(config.backbone, config.backbone_style)
    classify = _build_classifier(config)
    return build_scales(
        config,
        backbone,
        lambda features, *, image_scale: classify(features),
        logits_stride=config.backbone.output_stride,
        name="deeplab_v2",
    )


def _build_classifier(config: DeepLabV2Config) -> Callable[[Any], Any]:
    """Returns what follows the backbone; its layers are the same for all scales."""
    if isinstance(config.classifier, FullyConnectedClassifierConfig):
        return _build_branches(config, config.classifier)
    classify = build_logits(config)
    if not isinstance(config.backbone, VGGConfig) or not config.backbone.fc_channels:
        return classify
    dropout = keras.layers.Dropout(config.backbone.dropout_rate, name="dropout7")
    return lambda features: classify(dropout(features))


def _build_branches(
    config: DeepLabV2Config, classifier: FullyConnectedClassifierConfig
) -> Callable[[Any], Any]:
    """Returns VGG-16's ASPP: an fc6, an fc7 and a classifier for each rate."""
    branches = [
        _build_branch(config, classifier, number=i, rate=rate)
        for i, rate in enumerate(classifier.atrous_rates, start=1)
    ]
    logits = SummedClassifier(
        config.num_classes,
        len(branches),
        style=config.head_style,
        name="logits",
        dtype="float32",
    )

    def classify(features):
        ends = []
        for branch in branches:
            x = features
            for layer in branch:
                x = layer(x)
            ends.append(x)
        return logits(ends)

    return classify


def _build_branch(
    config: DeepLabV2Config,
    classifier: FullyConnectedClassifierConfig,
    *,
    number: int,
    rate: int,
) -> list[keras.layers.Layer]:
    """Returns fc6 and fc7, each with the dropout behind it."""
    layers: list[keras.layers.Layer] = []
    for fc, kernel_size, fc_rate in ((6, classifier.kernel_size, rate), (7, 1, 1)):
        conv = AtrousConv(
            classifier.channels,
            kernel_size,
            style=config.head_style,
            rate=fc_rate,
            normalize=False,
            activation=config.head_style.activation,
            name=f"fc{fc}_{number}",
        )
        dropout = keras.layers.Dropout(
            classifier.dropout_rate, name=f"dropout{fc}_{number}"
        )
        layers += [conv, dropout]
    return layers
