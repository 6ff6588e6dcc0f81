# Licensed under the Apache License, Version 2.0.
"""All backbones by upstream's names."""

from deeplab_tf.config import (
    mobilenet_edgetpu,
    mobilenet_v2,
    mobilenet_v3,
    nasnet,
    resnet,
    vgg,
    xception,
)
from deeplab_tf.config.mobilenet_edgetpu import MobileNetEdgeTPUConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.mobilenet_v3 import MobileNetV3Config
from deeplab_tf.config.nasnet import NASNetConfig
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.vgg import VGGConfig
from deeplab_tf.config.xception import XceptionConfig

BackboneConfig = (
    MobileNetV2Config
    | MobileNetV3Config
    | MobileNetEdgeTPUConfig
    | NASNetConfig
    | ResNetConfig
    | VGGConfig
    | XceptionConfig
)

# Upstream's variant name -> configuration.
BACKBONES: dict[str, BackboneConfig] = {
    **mobilenet_v2.VARIANTS,
    **mobilenet_v3.VARIANTS,
    **mobilenet_edgetpu.VARIANTS,
    **nasnet.VARIANTS,
    **resnet.VARIANTS,
    **vgg.VARIANTS,
    **xception.VARIANTS,
}
