# Licensed under the Apache License, Version 2.0.
"""Configuration of DeepLabv2, and the networks of its paper."""

import dataclasses

from deeplab_tf.config import vgg
from deeplab_tf.config.aspp import ClassifierConfig, FullyConnectedClassifierConfig
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
from deeplab_tf.config.pixel_scaling import CAFFE_SCALING
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.vgg import VGGConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeepLabV2Config:
    """DeepLabv2 (arXiv:1606.00915): a backbone and atrous classifiers that are summed.

    Attributes:
        num_classes: number of classes, the background included.
        backbone: configuration of the feature extractor.
        backbone_style: norm and activation of the backbone; if it is not given, that
            of the original.
        classifier: kernel and rates of the classifiers, the paper's ASPP; on VGG-16
            each has an fc6 and an fc7 of its own.
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
        vgg_16 = self.backbone if isinstance(self.backbone, VGGConfig) else None
        is_aspp = isinstance(self.classifier, FullyConnectedClassifierConfig)
        if is_aspp and vgg_16 and vgg_16.fc_channels is not None:
            raise ValueError(
                "Each classifier has an fc6 and an fc7 of its own: fc_channels of the "
                f"backbone must be None, got {vgg_16.fc_channels}."
            )

    @property
    def logits_stride(self) -> float:
        """Input size over size of the logits."""
        return scaled_stride(self.backbone.output_stride, self.image_pyramid)


def _vgg_aspp(*rates: int) -> DeepLabV2Config:
    return DeepLabV2Config(
        backbone=vgg.CAFFE_POOL5,
        classifier=FullyConnectedClassifierConfig(atrous_rates=rates),
    )


# VGG-16: table 3 of the paper. LargeFOV is that of DeepLab v1.
VGG_LARGE_FOV = DeepLabV2Config(backbone=vgg.LARGE_FOV, classifier=ClassifierConfig())
VGG_ASPP_S = _vgg_aspp(2, 4, 8, 12)
VGG_ASPP_L = _vgg_aspp(6, 12, 18, 24)

# ResNet-101: table 4. Training leaves the statistics of the norms as they are.
# Reference: kazuto1011/deeplab-pytorch, libs/models/{deeplabv2,resnet,msc}.py and
# config/voc12.yaml. Caffe's network differs in resizing, which aligns corners.
_FROZEN = ConvStyle(
    norm_momentum=0.999,
    norm_epsilon=1e-5,
    train_norm=False,
    padding="explicit",
    resize="half_pixel",
)
RESNET_101_ASPP = DeepLabV2Config(
    backbone=ResNetConfig(
        depth=101,
        output_stride=8,
        stride_place="first_conv",
        pool_padding="ceil",
        input_scaling=CAFFE_SCALING,
    ),
    backbone_style=_FROZEN,
    classifier=ClassifierConfig(kernel_size=3, atrous_rates=(6, 12, 18, 24)),
    head_style=_FROZEN,
)
RESNET_101_LARGE_FOV = dataclasses.replace(
    RESNET_101_ASPP, classifier=ClassifierConfig(kernel_size=3, atrous_rates=(12,))
)
# The maximum and each scale have a loss, with labels at the size of their logits.
RESNET_101_ASPP_MSC = dataclasses.replace(
    RESNET_101_ASPP,
    image_pyramid=ImagePyramidConfig(
        scales=(1.0, 0.5, 0.75), merge="max", rounding="floor", own_sizes=True
    ),
)

# Names after the paper's -> configuration; MSC is the maximum over three scales.
VARIANTS = {
    "VGG-16 LargeFOV": VGG_LARGE_FOV,
    "VGG-16 ASPP-S": VGG_ASPP_S,
    "VGG-16 ASPP-L": VGG_ASPP_L,
    "ResNet-101 LargeFOV": RESNET_101_LARGE_FOV,
    "ResNet-101 ASPP": RESNET_101_ASPP,
    "ResNet-101 MSC ASPP": RESNET_101_ASPP_MSC,
}
