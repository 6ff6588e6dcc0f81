# Licensed under the Apache License, Version 2.0.
"""Configuration of DeepLab v1, and the networks of its paper."""

import dataclasses

from deeplab_tf.config import vgg
from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.deeplab_v3 import (
    HEAD_STYLE,
    STYLE_OF_BACKBONE,
    check_num_classes,
    set_backbone_style,
)
from deeplab_tf.config.vgg import VGGConfig

# The image and the pools that MSc reads.
MULTI_SCALE_PLACES = ("image", "pool1", "pool2", "pool3", "pool4")

_HEAD_STYLE = dataclasses.replace(HEAD_STYLE, padding="explicit")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiScaleConfig:
    """Multi-scale prediction, the paper's MSc (arXiv:1412.7062, section 4.3).

    Beside fc7, classifiers read the image and the first four pools, each through a 3x3
    and a 1x1 convolution; the logits of all six are summed.

    Attributes:
        filters: channels of these convolutions.
        full_size: whether these convolutions see every pixel of their input, and all
            logits are enlarged to the image's size before they are summed, as the
            published test.prototxt does; otherwise strides bring them to fc7's size,
            as train.prototxt does. The variables are the same.
    """

    filters: int = 128
    full_size: bool = False

    def __post_init__(self) -> None:
        if self.filters < 1:
            raise ValueError(f"filters must be at least 1, got {self.filters}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeepLabV1Config:
    """DeepLab v1 (arXiv:1412.7062): VGG-16 up to fc7, and a 1x1 classifier.

    Attributes:
        num_classes: number of classes, the background included.
        backbone: VGG-16 with fc6 and fc7.
        backbone_style: activation of the backbone; if it is not given, that of the
            original.
        head_style: of what follows the backbone.
        multi_scale: MSc; None classifies fc7 alone.
    """

    num_classes: int = 21
    backbone: BackboneConfig = vgg.LARGE_FOV
    backbone_style: ConvStyle = STYLE_OF_BACKBONE
    head_style: ConvStyle = _HEAD_STYLE
    multi_scale: MultiScaleConfig | None = None

    def __post_init__(self) -> None:
        check_num_classes(self.num_classes)
        if not isinstance(self.backbone, VGGConfig) or not self.backbone.fc_channels:
            raise ValueError(
                "DeepLab v1 classifies fc7: its backbone is a VGGConfig with "
                f"fc_channels, got {self.backbone}."
            )
        set_backbone_style(self)

    @property
    def dropout_rate(self) -> float:
        """Share of the values of fc7 and of MSc that training drops, as of fc6's."""
        assert isinstance(self.backbone, VGGConfig)
        return self.backbone.dropout_rate

    @property
    def image_pyramid(self) -> None:
        """The network sees the image alone."""
        return None

    @property
    def logits_stride(self) -> int:
        """Input size over size of the logits."""
        is_full_size = self.multi_scale is not None and self.multi_scale.full_size
        return 1 if is_full_size else self.backbone.output_stride


def _with_fc(kernel_size: int, *, rate: int) -> DeepLabV1Config:
    """Returns a form of table 2, whose fc6 and fc7 keep VGG's 4096 channels."""
    backbone = dataclasses.replace(
        vgg.CAFFE_POOL5, fc_channels=4096, fc6_kernel_size=kernel_size, fc6_rate=rate
    )
    return DeepLabV1Config(backbone=backbone)


# Table 2 of the paper, whose "input stride" is the rate of fc6: DeepLab sees 128
# pixels, the others 224.
DEEPLAB = _with_fc(4, rate=4)
DEEPLAB_4X4 = _with_fc(4, rate=8)
DEEPLAB_7X7 = _with_fc(7, rate=4)
LARGE_FOV = DeepLabV1Config()

# Table 1: MSc.
MSC = dataclasses.replace(DEEPLAB, multi_scale=MultiScaleConfig())
MSC_LARGE_FOV = dataclasses.replace(LARGE_FOV, multi_scale=MultiScaleConfig())

# The paper's names -> configuration.
VARIANTS = {
    "DeepLab": DEEPLAB,
    "DeepLab-4x4": DEEPLAB_4X4,
    "DeepLab-7x7": DEEPLAB_7X7,
    "DeepLab-LargeFOV": LARGE_FOV,
    "DeepLab-MSc": MSC,
    "DeepLab-MSc-LargeFOV": MSC_LARGE_FOV,
}
