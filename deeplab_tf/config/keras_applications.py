# Licensed under the Apache License, Version 2.0.
"""The networks of keras.applications, in our configurations.

Reference: keras/src/applications/resnet.py, mobilenet_v2.py, mobilenet_v3.py and
vgg16.py.
"""

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.mobilenet_v3 import MobileNetV3Config
from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.styled_backbone import StyledBackbone
from deeplab_tf.config.vgg import VGG_STYLE, VGGConfig

# keras/src/applications/imagenet_utils.py, mode "caffe", which gives it as BGR.
CAFFE_SCALING = PixelScaling(mean=(123.68, 116.779, 103.939), channels="bgr")

_RESNET_STYLE = ConvStyle(norm_momentum=0.99, norm_epsilon=1.001e-5, padding="explicit")
_MOBILENET_V2_STYLE = ConvStyle(
    norm_momentum=0.999, norm_epsilon=1e-3, activation="relu6"
)
_MOBILENET_V3_STYLE = ConvStyle(norm_momentum=0.999, norm_epsilon=1e-3)


def keras_resnet(depth: int) -> StyledBackbone:
    """Returns ResNet50, 101 or 152 of keras.applications."""
    backbone = ResNetConfig(
        depth=depth,
        stride_place="first_conv",
        pool_padding="explicit",
        input_scaling=CAFFE_SCALING,
    )
    return StyledBackbone(backbone=backbone, style=_RESNET_STYLE)


def keras_mobilenet_v2(depth_multiplier: float = 1.0) -> StyledBackbone:
    """Returns MobileNetV2 of keras.applications, where the width is called alpha."""
    backbone = MobileNetV2Config(depth_multiplier=depth_multiplier, divisible_by=8)
    return StyledBackbone(backbone=backbone, style=_MOBILENET_V2_STYLE)


def keras_mobilenet_v3(size: str, depth_multiplier: float = 1.0) -> StyledBackbone:
    """Returns MobileNetV3Large or Small of keras.applications."""
    backbone = MobileNetV3Config(
        size=size,
        widths="classification",
        depth_multiplier=depth_multiplier,
        gate="hard_sigmoid",
    )
    return StyledBackbone(backbone=backbone, style=_MOBILENET_V3_STYLE)


def keras_vgg() -> StyledBackbone:
    """Returns VGG16 of keras.applications, up to fc7."""
    backbone = VGGConfig(
        output_stride=32,
        padding="valid",
        fc_channels=4096,
        input_scaling=CAFFE_SCALING,
    )
    return StyledBackbone(backbone=backbone, style=VGG_STYLE)


# The name there -> configuration.
KERAS_APPLICATIONS = {
    "ResNet50": keras_resnet(50),
    "ResNet101": keras_resnet(101),
    "ResNet152": keras_resnet(152),
    "MobileNetV2": keras_mobilenet_v2(),
    "MobileNetV3Large": keras_mobilenet_v3("large"),
    "MobileNetV3Small": keras_mobilenet_v3("small"),
    "VGG16": keras_vgg(),
}
