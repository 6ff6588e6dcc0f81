# Licensed under the Apache License, Version 2.0.
"""The DeepLabv2 of kazuto1011/deeplab-pytorch, in our configurations.

Reference: its libs/models/{deeplabv2,resnet,msc}.py and config/voc12.yaml.
"""

from deeplab_tf.config.deeplab_v2 import RESNET_101_ASPP, RESNET_101_ASPP_MSC

# Its names -> configuration: one scale, and the maximum over three.
KAZUTO1011 = {
    "DeepLabV2_ResNet101": RESNET_101_ASPP,
    "DeepLabV2_ResNet101_MSC": RESNET_101_ASPP_MSC,
}
