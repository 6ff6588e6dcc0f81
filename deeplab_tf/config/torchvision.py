# Licensed under the Apache License, Version 2.0.
"""The networks of torchvision, in our configurations.

Reference: torchvision's models/segmentation/deeplabv3.py and models/resnet.py.
"""

from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.mobilenet_v3 import MobileNetV3Config
from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.styled_backbone import StyledBackbone

# Mean and deviation of ImageNet, which torchvision gives in 0..1.
IMAGENET_SCALING = PixelScaling(
    mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
    deviation=(0.229 * 255, 0.224 * 255, 0.225 * 255),
)

# PyTorch's default momentum of 0.1 is the share of the new statistics.
TORCH_STYLE = ConvStyle(
    norm_momentum=0.9, norm_epsilon=1e-5, padding="explicit", resize="half_pixel"
)
TORCH_RELU6_STYLE = ConvStyle(
    norm_momentum=0.9,
    norm_epsilon=1e-5,
    activation="relu6",
    padding="explicit",
    resize="half_pixel",
)
TORCH_MOBILENET_V3_STYLE = ConvStyle(
    norm_momentum=0.99, norm_epsilon=1e-3, padding="explicit", resize="half_pixel"
)

# The rates do not depend on the output stride there.
TORCHVISION_ASPP = ASPPConfig(
    atrous_rates=(12, 24, 36),
    separable=False,
    dropout_rate=0.5,
    image_feature_place="last",
    output_conv=True,
)


def torch_resnet(depth: int, *, output_stride: int) -> ResNetConfig:
    """Returns torchvision's ResNet as a backbone."""
    return ResNetConfig(
        depth=depth,
        output_stride=output_stride,
        stride_place="first_unit",
        pool_padding="explicit",
        input_scaling=IMAGENET_SCALING,
    )


def torch_mobilenet_v2(
    *, output_stride: int, padding_place: str = "convolution"
) -> MobileNetV2Config:
    """Returns torchvision's MobileNetV2 as a backbone."""
    return MobileNetV2Config(
        output_stride=output_stride,
        padding_place=padding_place,
        input_scaling=IMAGENET_SCALING,
    )


def torch_mobilenet_v3(size: str, *, output_stride: int) -> MobileNetV3Config:
    """Returns torchvision's MobileNetV3 as a backbone."""
    return MobileNetV3Config(
        size=size,
        widths="classification",
        output_stride=output_stride,
        gate="hard_sigmoid",
        early_rates=True,
        input_scaling=IMAGENET_SCALING,
    )


def _deeplabv3(backbone: BackboneConfig, style: ConvStyle) -> DeepLabV3Config:
    return DeepLabV3Config(
        num_classes=21,
        backbone=backbone,
        backbone_style=style,
        aspp=TORCHVISION_ASPP,
        head_style=TORCH_STYLE,
    )


# torchvision's name -> configuration.
TORCHVISION = {
    "deeplabv3_resnet50": _deeplabv3(torch_resnet(50, output_stride=8), TORCH_STYLE),
    "deeplabv3_resnet101": _deeplabv3(torch_resnet(101, output_stride=8), TORCH_STYLE),
    "deeplabv3_mobilenet_v3_large": _deeplabv3(
        torch_mobilenet_v3("large", output_stride=16), TORCH_MOBILENET_V3_STYLE
    ),
}

# torchvision's name of a classifier of whole images -> the backbone it can start.
TORCHVISION_BACKBONES = {
    f"resnet{depth}": StyledBackbone(
        backbone=torch_resnet(depth, output_stride=16), style=TORCH_STYLE
    )
    for depth in (18, 34, 50, 101, 152)
} | {
    "mobilenet_v2": StyledBackbone(
        backbone=torch_mobilenet_v2(output_stride=16), style=TORCH_RELU6_STYLE
    ),
    "mobilenet_v3_large": StyledBackbone(
        backbone=torch_mobilenet_v3("large", output_stride=16),
        style=TORCH_MOBILENET_V3_STYLE,
    ),
    "mobilenet_v3_small": StyledBackbone(
        backbone=torch_mobilenet_v3("small", output_stride=16),
        style=TORCH_MOBILENET_V3_STYLE,
    ),
}
