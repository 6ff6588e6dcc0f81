# Licensed under the Apache License, Version 2.0.
"""DeepLabv3 (arXiv:1706.05587): backbone, ASPP, classifier."""

import keras

from deeplab_tf.backbones import build_backbone
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.layers.aspp import ASPP
from deeplab_tf.layers.atrous_conv import AtrousConv


def build_deeplab_v3(config: DeepLabV3Config) -> keras.Model:
    """Builds DeepLabv3.

    Returns:
        A model from [B, H, W, 3] RGB in 0..255 to {"semantic": [B, h, w, C]} logits,
        float32, at the backbone's output stride.
    """
    backbone = build_backbone(config.backbone, config.backbone_style)
    x = backbone.features
    if config.aspp is not None:
        x = build_aspp(config)(x)
    logits = build_logits(config)(x)
    return keras.Model(backbone.input, {"semantic": logits}, name="deeplab_v3")


def build_aspp(config) -> ASPP:
    """Returns the pyramid of a DeepLabv3 or v3+ configuration."""
    return ASPP(
        config.aspp,
        style=config.head_style,
        output_stride=config.backbone.output_stride,
        name="aspp",
    )


def build_logits(config) -> AtrousConv:
    """Returns the 1x1 classifier, float32 under any policy."""
    return AtrousConv(
        config.num_classes,
        1,
        style=config.head_style,
        normalize=False,
        # research/deeplab/model.py: get_branch_logits.
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.01),
        name="logits",
        dtype="float32",
    )
