# Licensed under the Apache License, Version 2.0.
"""Configuration of a classifier of whole images."""

import dataclasses

from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.deeplab_v3 import (
    STYLE_OF_BACKBONE,
    check_num_classes,
    set_backbone_style,
)
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.vgg import VGGConfig

# slim's classifiers have a background class before the 1000 of ImageNet.
IMAGENET_CLASSES = 1001


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageClassifierConfig:
    """A backbone with the head that slim's ImageNet classifiers give it.

    Attributes:
        num_classes: 1001 for slim's checkpoints, 1000 for those of VGG.
        backbone: configuration of the feature extractor, at output stride 32 as the
            published ones are.
        backbone_style: norm and activation of all convolutions; if it is not given,
            that of the original.
    """

    num_classes: int = IMAGENET_CLASSES
    backbone: BackboneConfig = ResNetConfig(depth=50, stem="beta", output_stride=32)
    backbone_style: ConvStyle = STYLE_OF_BACKBONE

    def __post_init__(self) -> None:
        check_num_classes(self.num_classes)
        set_backbone_style(self)
        if isinstance(self.backbone, VGGConfig) and self.backbone.fc_channels is None:
            raise ValueError(
                "A VGG that classifies images needs fc6 and fc7: set fc_channels=4096 "
                'and padding="valid" of its backbone for slim\'s.'
            )
