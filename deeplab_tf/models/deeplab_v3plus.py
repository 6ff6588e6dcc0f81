# Licensed under the Apache License, Version 2.0.
"""DeepLabv3+ (arXiv:1802.02611): DeepLabv3 as encoder, a decoder, a classifier."""

import keras

from deeplab_tf.backbones import build_backbone
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.layers.decoder import Decoder
from deeplab_tf.models.deeplab_v3 import build_aspp, build_logits


def build_deeplab_v3plus(config: DeepLabV3PlusConfig) -> keras.Model:
    """Builds DeepLabv3+.

    Returns:
        A model from [B, H, W, 3] RGB in 0..255 to {"semantic": [B, h, w, C]} logits,
        float32, at the last stride of the decoder.
    """
    backbone = build_backbone(config.backbone, config.backbone_style)
    x = backbone.features
    if config.aspp is not None:
        x = build_aspp(config)(x)
    low_levels = [backbone.tap(s) for s in config.decoder.output_strides]
    x = Decoder(
        config.decoder,
        style=config.head_style,
        low_level_strides=tuple(
            backbone.tap_stride(s) for s in config.decoder.output_strides
        ),
        name="decoder",
    )([x, *low_levels])
    if config.decoder.output_is_logits:
        logits = keras.layers.Activation("linear", name="logits", dtype="float32")(x)
    else:
        logits = build_logits(config)(x)
    return keras.Model(backbone.input, {"semantic": logits}, name="deeplab_v3plus")
