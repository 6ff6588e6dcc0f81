# Licensed under the Apache License, Version 2.0.
"""The backbone zoo: one network family a file."""

from collections.abc import Callable

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.mobilenet_edgetpu import build_mobilenet_edgetpu
from deeplab_tf.backbones.mobilenet_v2 import build_mobilenet_v2
from deeplab_tf.backbones.mobilenet_v3 import build_mobilenet_v3
from deeplab_tf.backbones.nasnet import build_nasnet
from deeplab_tf.backbones.resnet import build_resnet
from deeplab_tf.backbones.vgg import build_vgg
from deeplab_tf.backbones.xception import build_xception
from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.mobilenet_edgetpu import MobileNetEdgeTPUConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.mobilenet_v3 import MobileNetV3Config
from deeplab_tf.config.nasnet import NASNetConfig
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.vgg import VGGConfig
from deeplab_tf.config.xception import XceptionConfig

_BUILDERS: dict[type, Callable[..., Backbone]] = {
    MobileNetV2Config: build_mobilenet_v2,
    MobileNetV3Config: build_mobilenet_v3,
    MobileNetEdgeTPUConfig: build_mobilenet_edgetpu,
    NASNetConfig: build_nasnet,
    ResNetConfig: build_resnet,
    VGGConfig: build_vgg,
    XceptionConfig: build_xception,
}


def build_backbone(config: BackboneConfig, style: ConvStyle) -> Backbone:
    """Builds the backbone that a configuration describes.

    Args:
        config: a configuration of one of the families.
        style: norm and activation of all its convolutions.

    Raises:
        ValueError: there is no such family.
    """
    if type(config) not in _BUILDERS:
        raise ValueError(
            f"No backbone is built from {type(config).__name__}; expected one of "
            f"{', '.join(cls.__name__ for cls in _BUILDERS)}."
        )
    return _BUILDERS[type(config)](config, style)
