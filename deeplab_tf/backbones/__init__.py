# Licensed under the Apache License, Version 2.0.
"""The backbone zoo: one network family a file."""

from deeplab_tf.backbones import mobilenet_v2
from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config

# Upstream's variant name -> configuration.
BACKBONES = {**mobilenet_v2.VARIANTS}

_BUILDERS = {MobileNetV2Config: mobilenet_v2.build_mobilenet_v2}


def build_backbone(config: MobileNetV2Config, style: ConvStyle) -> Backbone:
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
