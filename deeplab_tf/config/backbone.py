# Licensed under the Apache License, Version 2.0.
"""All backbones by upstream's names."""

from deeplab_tf.config import mobilenet_v2, resnet, xception
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.xception import XceptionConfig

BackboneConfig = MobileNetV2Config | ResNetConfig | XceptionConfig

# Upstream's variant name -> configuration.
BACKBONES: dict[str, BackboneConfig] = {
    **mobilenet_v2.VARIANTS,
    **resnet.VARIANTS,
    **xception.VARIANTS,
}
