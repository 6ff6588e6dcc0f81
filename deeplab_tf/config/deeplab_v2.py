# Licensed under the Apache License, Version 2.0.
"""Configuration of DeepLabv2."""

import dataclasses

from deeplab_tf.config.aspp import ClassifierConfig
from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.deeplab_v3 import (
    HEAD_STYLE,
    STYLE_OF_BACKBONE,
    check_num_classes,
    scaled_stride,
    set_backbone_style,
)
from deeplab_tf.config.image_pyramid import ImagePyramidConfig
from deeplab_tf.config.resnet import ResNetConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeepLabV2Config:
    """DeepLabv2 (arXiv:1606.00915): a backbone and atrous classifiers that are summed.

    Attributes:
        num_classes: number of classes, the background included.
        backbone: configuration of the feature extractor.
        backbone_style: norm and activation of the backbone; if it is not given, that
            of the original.
        classifier: kernel and rates of the classifiers, the paper's ASPP.
        head_style: how the logits of an image pyramid are resized.
        image_pyramid: scales whose logits are merged; None is the image alone.
    """

    num_classes: int = 21
    backbone: BackboneConfig = ResNetConfig(depth=101, output_stride=8)
    backbone_style: ConvStyle = STYLE_OF_BACKBONE
    classifier: ClassifierConfig = ClassifierConfig(
        kernel_size=3, atrous_rates=(6, 12, 18, 24)
    )
    head_style: ConvStyle = HEAD_STYLE
    image_pyramid: ImagePyramidConfig | None = None

    def __post_init__(self) -> None:
        check_num_classes(self.num_classes)
        set_backbone_style(self)

    @property
    def logits_stride(self) -> float:
        """Input size over size of the logits."""
        return scaled_stride(self.backbone.output_stride, self.image_pyramid)
