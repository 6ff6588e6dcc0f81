# Licensed under the Apache License, Version 2.0.
"""DeepLabv3+ (arXiv:1802.02611): DeepLabv3 as encoder, a decoder, a classifier."""

import keras

from deeplab_tf.backbones import build_backbone
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.layers.decoder import Decoder
from deeplab_tf.models.deeplab_v3 import build_encoder, build_logits
from deeplab_tf.models.image_pyramid import build_scales


def build_deeplab_v3plus(config: DeepLabV3PlusConfig) -> keras.Model:
    """Builds DeepLabv3+.

    Returns:
        A model from [B, H, W, 3] RGB in 0..255 to {"semantic": [B, h, w, C]} logits,
        float32, at the last stride of the decoder. With an image pyramid they are the
        merged ones at the largest scale's size, beside those of "semantic/<scale>".
    """
    backbone = build_backbone(config.backbone, config.backbone_style)
    strides = config.decoder.output_strides
    convention = config.decoder.taps
    encode = build_encoder(config)
    decoder = Decoder(
        config.decoder,
        style=config.head_style,
        low_level_strides=tuple(
            backbone.tap_stride(s, convention=convention) for s in strides
        ),
        name="decoder",
    )
    if config.decoder.output_is_logits:
        classify = keras.layers.Activation("linear", name="logits", dtype="float32")
    else:
        classify = build_logits(config)

    def head(features, *low_levels, image_scale):
        x = encode(features, image_scale=image_scale)
        return classify(decoder([x, *low_levels]))

    return build_scales(
        config,
        backbone,
        head,
        low_levels=[backbone.tap(s, convention=convention) for s in strides],
        logits_stride=strides[-1],
        name="deeplab_v3plus",
    )
