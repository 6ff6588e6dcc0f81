# Licensed under the Apache License, Version 2.0.
"""DeepLabv2 (arXiv:1606.00915): backbone and atrous classifiers that are summed."""

import keras

from deeplab_tf.backbones import build_backbone
from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
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
    classify = build_logits(config)
    return build_scales(
        config,
        backbone,
        lambda features, *, image_scale: classify(features),
        logits_stride=config.backbone.output_stride,
        name="deeplab_v2",
    )
