# Licensed under the Apache License, Version 2.0.
"""Classifiers of whole images: what a backbone is trained as before it segments.

Reference: slim's nets/mobilenet/mobilenet.py, mobilenet_v3.py and vgg.py;
research/deeplab/core/resnet_v1_beta.py, xception.py and nas_network.py.
"""

import dataclasses

import keras

from deeplab_tf.backbones import build_backbone
from deeplab_tf.backbones.inverted_residual import make_divisible
from deeplab_tf.config.image_classifier import ImageClassifierConfig
from deeplab_tf.config.mobilenet_edgetpu import MobileNetEdgeTPUConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.mobilenet_v3 import MobileNetV3Config
from deeplab_tf.config.nasnet import NASNetConfig
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.vgg import VGGConfig
from deeplab_tf.config.xception import XceptionConfig
from deeplab_tf.layers.atrous_classifier import logits_initializer
from deeplab_tf.layers.atrous_conv import AtrousConv


@dataclasses.dataclass(frozen=True)
class Head:
    """What stands between the backbone's features and the logits.

    Attributes:
        conv_channels: of a 1x1 convolution before the pooling; None is none. It does
            not get narrower with the backbone.
        pooled_channels: of one behind the pooling, with a bias instead of norm.
        activation: of that one.
        dropout_rate: share of the values that training drops before the logits.
    """

    conv_channels: int | None = None
    pooled_channels: int | None = None
    activation: str | None = None
    dropout_rate: float = 0.0


_HEADS = {
    ResNetConfig: Head(),
    XceptionConfig: Head(dropout_rate=0.5),
    NASNetConfig: Head(),
    VGGConfig: Head(dropout_rate=0.5),
    MobileNetV2Config: Head(conv_channels=1280, dropout_rate=0.2),
    MobileNetEdgeTPUConfig: Head(dropout_rate=0.2),
    MobileNetV3Config: Head(
        pooled_channels=1280, activation="hard_swish", dropout_rate=0.2
    ),
}
_SMALL_MOBILENET_V3_CHANNELS = 1024


def build_image_classifier(config: ImageClassifierConfig) -> keras.Model:
    """Builds a classifier of whole images.

    Returns:
        A model from [B, H, W, 3] RGB in 0..255 to {"classes": [B, C]} logits, float32.
    """
    backbone = build_backbone(config.backbone, config.backbone_style)
    style = config.backbone_style
    head = _head_of(config)
    x = backbone.features
    if head.conv_channels is not None:
        x = AtrousConv(
            head.conv_channels,
            1,
            style=style,
            activation=style.activation,
            name="conv_1",
        )(x)
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="global_pool")(x)
    if head.pooled_channels is not None:
        x = AtrousConv(
            head.pooled_channels,
            1,
            style=style,
            normalize=False,
            activation=head.activation,
            name="conv_2",
        )(x)
    if head.dropout_rate:
        x = keras.layers.Dropout(head.dropout_rate, name="dropout")(x)
    x = AtrousConv(
        config.num_classes,
        1,
        style=style,
        normalize=False,
        kernel_initializer=logits_initializer(),
        name="image_logits",
        dtype="float32",
    )(x)
    logits = keras.layers.Reshape((config.num_classes,), name="classes")(x)
    return keras.Model(backbone.input, {"classes": logits}, name="image_classifier")


def _head_of(config: ImageClassifierConfig) -> Head:
    """Returns the head of a backbone; a wider one has a wider head."""
    head = _HEADS[type(config.backbone)]
    if getattr(config.backbone, "size", None) == "small":
        head = dataclasses.replace(head, pooled_channels=_SMALL_MOBILENET_V3_CHANNELS)
    factor = max(1.0, getattr(config.backbone, "depth_multiplier", 1.0))

    def widen(channels: int | None) -> int | None:
        return None if channels is None else make_divisible(channels * factor, 8)

    return dataclasses.replace(
        head,
        conv_channels=widen(head.conv_channels),
        pooled_channels=widen(head.pooled_channels),
    )
