# Licensed under the Apache License, Version 2.0.
"""Configuration of DeepLabv3+."""

import dataclasses

from deeplab_tf.config.aspp import ASPPConfig, ClassifierConfig, DecoderConfig
from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.deeplab_v3 import (
    HEAD_STYLE,
    STYLE_OF_BACKBONE,
    check_cell,
    check_num_classes,
    scaled_stride,
    set_backbone_style,
)
from deeplab_tf.config.dense_prediction_cell import DensePredictionCellConfig
from deeplab_tf.config.image_pyramid import ImagePyramidConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeepLabV3PlusConfig:
    """DeepLabv3+ (arXiv:1802.02611): DeepLabv3 as encoder, and a decoder.

    Attributes:
        num_classes: number of classes, the background included.
        backbone: configuration of the feature extractor.
        backbone_style: norm and activation of the backbone; if it is not given, that
            of the original.
        aspp: the pyramid, or a cell in its place; None hands the backbone's features to
            the decoder.
        decoder: which low-level features sharpen the result, and how.
        head_style: norm and activation of all that follows the backbone.
        classifier: kernel and rates of the classifier, 1x1 in the paper.
        image_pyramid: scales whose logits are merged; None is the image alone.
    """

    num_classes: int = 21
    backbone: BackboneConfig = MobileNetV2Config()
    backbone_style: ConvStyle = STYLE_OF_BACKBONE
    aspp: ASPPConfig | DensePredictionCellConfig | None = ASPPConfig()
    decoder: DecoderConfig = DecoderConfig()
    head_style: ConvStyle = HEAD_STYLE
    classifier: ClassifierConfig = ClassifierConfig()
    image_pyramid: ImagePyramidConfig | None = None

    def __post_init__(self) -> None:
        check_num_classes(self.num_classes)
        set_backbone_style(self)
        check_cell(self)
        decoder = self.decoder
        if decoder.output_is_logits and decoder.filters != self.num_classes:
            raise ValueError(
                f"A decoder whose output is the logits must have as many filters as "
                f"there are classes: got {decoder.filters} filters and "
                f"{self.num_classes} classes."
            )

    @property
    def logits_stride(self) -> float:
        """Input size over size of the logits."""
        return scaled_stride(self.decoder.output_strides[-1], self.image_pyramid)
