# Licensed under the Apache License, Version 2.0.
"""Configuration of DeepLabv3."""

import dataclasses
import typing

from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.dense_prediction_cell import DensePredictionCellConfig
from deeplab_tf.config.image_pyramid import ImagePyramidConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config

# research/deeplab, core/utils.py: get_batch_norm_params.
HEAD_STYLE = ConvStyle(norm_momentum=0.9997, norm_epsilon=1e-5, activation="relu")

# Stands for the style that belongs to the backbone; no configuration keeps it.
STYLE_OF_BACKBONE = ConvStyle()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeepLabV3Config:
    """DeepLabv3 (arXiv:1706.05587): a backbone, ASPP and a 1x1 classifier.

    Attributes:
        num_classes: number of classes, the background included.
        backbone: configuration of the feature extractor.
        backbone_style: norm and activation of the backbone; if it is not given, that
            of the original.
        aspp: the pyramid, or a cell in its place; None puts the classifier straight on
            the backbone.
        head_style: norm and activation of all that follows the backbone.
        image_pyramid: scales whose logits are merged; None is the image alone.
    """

    num_classes: int = 21
    backbone: BackboneConfig = MobileNetV2Config()
    backbone_style: ConvStyle = STYLE_OF_BACKBONE
    aspp: ASPPConfig | DensePredictionCellConfig | None = ASPPConfig(atrous_rates=())
    head_style: ConvStyle = HEAD_STYLE
    image_pyramid: ImagePyramidConfig | None = None

    def __post_init__(self) -> None:
        check_num_classes(self.num_classes)
        set_backbone_style(self)
        check_cell(self)

    @property
    def logits_stride(self) -> float:
        """Input size over size of the logits."""
        return scaled_stride(self.backbone.output_stride, self.image_pyramid)


def scaled_stride(stride: int, pyramid: ImagePyramidConfig | None) -> float:
    """Returns the stride of logits that an image pyramid may have enlarged."""
    return stride if pyramid is None else stride / pyramid.largest


def check_cell(config: typing.Any) -> None:
    """Raises ValueError if a cell stands at an output stride that it has no rates for.

    The original multiplies its rates by 16 // output_stride.
    """
    is_cell = isinstance(config.aspp, DensePredictionCellConfig)
    if is_cell and config.backbone.output_stride > 16:
        raise ValueError(
            "A dense prediction cell needs an output stride of 8 or 16, got "
            f"{config.backbone.output_stride}."
        )


def check_num_classes(num_classes: int) -> None:
    """Raises ValueError unless there are at least two classes."""
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}.")


def set_backbone_style(config: typing.Any) -> None:
    """Gives a new configuration the style of its backbone, if it has none."""
    if config.backbone_style is STYLE_OF_BACKBONE:
        object.__setattr__(config, "backbone_style", config.backbone.default_style)
