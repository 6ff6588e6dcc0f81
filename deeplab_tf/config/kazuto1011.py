# Licensed under the Apache License, Version 2.0.
"""The DeepLabv2 of kazuto1011/deeplab-pytorch, in our configurations.

Reference: its libs/models/{deeplabv2,resnet,msc}.py and config/voc12.yaml.
"""

import dataclasses

from deeplab_tf.config.aspp import ClassifierConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
from deeplab_tf.config.image_pyramid import ImagePyramidConfig
from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.config.resnet import ResNetConfig

# Its training leaves the statistics of the norms as they are.
_STYLE = ConvStyle(
    norm_momentum=0.999,
    norm_epsilon=1e-5,
    train_norm=False,
    padding="explicit",
    resize="half_pixel",
)

DEEPLAB_V2 = DeepLabV2Config(
    num_classes=21,
    backbone=ResNetConfig(
        depth=101,
        output_stride=8,
        stride_place="first_conv",
        pool_padding="ceil",
        input_scaling=PixelScaling(mean=(122.675, 116.669, 104.008), channels="bgr"),
    ),
    backbone_style=_STYLE,
    classifier=ClassifierConfig(kernel_size=3, atrous_rates=(6, 12, 18, 24)),
    head_style=_STYLE,
)
DEEPLAB_V2_MSC = dataclasses.replace(
    DEEPLAB_V2,
    image_pyramid=ImagePyramidConfig(
        scales=(1.0, 0.5, 0.75), merge="max", rounding="floor"
    ),
)

# Its names -> configuration: one scale, and the maximum over three.
KAZUTO1011 = {
    "DeepLabV2_ResNet101": DEEPLAB_V2,
    "DeepLabV2_ResNet101_MSC": DEEPLAB_V2_MSC,
}
