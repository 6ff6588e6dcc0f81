# Licensed under the Apache License, Version 2.0.
"""DeepLab v1 (arXiv:1412.7062): VGG-16 up to fc7, MSc beside it, a classifier."""

import keras

from deeplab_tf.backbones import build_backbone
from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.config.deeplab_v1 import (
    MULTI_SCALE_PLACES,
    DeepLabV1Config,
    MultiScaleConfig,
)
from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.summed_classifier import SummedClassifier
from deeplab_tf.models.deeplab_v3 import build_logits


def build_deeplab_v1(config: DeepLabV1Config) -> keras.Model:
    """Builds DeepLab v1.

    Returns:
        A model from [B, H, W, 3] RGB in 0..255 to {"semantic": [B, h, w, C]} logits,
        float32, at the backbone's output stride, or at the image's size.
    """
    backbone = build_backbone(config.backbone, config.backbone_style)
    x = keras.layers.Dropout(config.dropout_rate, name="dropout7")(backbone.features)
    if config.multi_scale is None:
        logits = build_logits(config)(x)
    else:
        features = [*_multi_scale(config, config.multi_scale, backbone), x]
        logits = SummedClassifier(
            config.num_classes,
            len(features),
            style=config.head_style,
            # That of the image, or of fc7.
            size_of=0 if config.multi_scale.full_size else len(features) - 1,
            name="logits",
            dtype="float32",
        )(features)
    return keras.Model(backbone.input, {"semantic": logits}, name="deeplab_v1")


def _multi_scale(
    config: DeepLabV1Config, multi_scale: MultiScaleConfig, backbone: Backbone
) -> list:
    """Returns the features of the image and of each pool, as a classifier reads them.

    Reference: data_conv to pool4_fc of DeepLab-MSc's train.prototxt.
    """
    network = keras.Model(backbone.input, backbone.features)
    features = []
    for place in MULTI_SCALE_PLACES:
        if place == "image":
            x, stride = network.get_layer("input_scaling").output, 1
        else:
            x, stride = backbone.endpoints[place], backbone.strides[place]
        output_stride = (
            stride if multi_scale.full_size else config.backbone.output_stride
        )
        parts = (("conv", 3, output_stride // stride), ("fc", 1, 1))
        for part, kernel_size, part_stride in parts:
            name = f"{place}_{part}"
            x = AtrousConv(
                multi_scale.filters,
                kernel_size,
                style=config.head_style,
                stride=part_stride,
                normalize=False,
                activation=config.head_style.activation,
                # As published: the network is trained before MSc is put to it.
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
                name=name,
            )(x)
            x = keras.layers.Dropout(config.dropout_rate, name=f"{name}_dropout")(x)
        features.append(x)
    return features
