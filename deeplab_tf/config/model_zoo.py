# Licensed under the Apache License, Version 2.0.
"""The networks of research/deeplab's released checkpoints, in our configurations.

Reference: research/deeplab, g3doc/model_zoo.md.
"""

import dataclasses

from deeplab_tf.config.aspp import ASPPConfig, DecoderConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.dense_prediction_cell import CELLS
from deeplab_tf.config.mobilenet_edgetpu import MobileNetEdgeTPUConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.mobilenet_v3 import MobileNetV3Config
from deeplab_tf.config.xception import XceptionConfig

# MobileNetV2 networks have image pooling and a 1x1 branch, and no atrous ones.
_POOLING = ASPPConfig(atrous_rates=())
_PYRAMID = ASPPConfig(atrous_rates=(6, 12, 18), separable=True)
_DECODER = DecoderConfig(output_strides=(4,), separable=True)

MOBILENET_V2 = DeepLabV3Config(
    num_classes=21, backbone=MobileNetV2Config(output_stride=16), aspp=_POOLING
)
MOBILENET_V2_DM05 = dataclasses.replace(
    MOBILENET_V2, backbone=MobileNetV2Config(depth_multiplier=0.5, output_stride=16)
)
XCEPTION_65 = DeepLabV3PlusConfig(
    num_classes=21, backbone=XceptionConfig(depth=65), aspp=_PYRAMID, decoder=_DECODER
)
XCEPTION_71_DPC = DeepLabV3PlusConfig(
    num_classes=19,
    backbone=XceptionConfig(depth=71),
    aspp=CELLS["dense_prediction_cell_branch5_top1_cityscapes"],
    decoder=_DECODER,
)
# The page's flags; the squeeze-and-excitation of LR-ASPP (arXiv:1905.02244, 6.4).
MOBILENET_V3_LARGE = DeepLabV3PlusConfig(
    num_classes=19,
    backbone=MobileNetV3Config(size="large", output_stride=32),
    aspp=ASPPConfig(
        filters=128,
        atrous_rates=(),
        image_pooling_crop_size=(769, 769),
        image_pooling_stride=(4, 5),
        concat_projection=False,
        image_gate="q_sigmoid",
    ),
    decoder=DecoderConfig(
        output_strides=(8,), filters=19, merge="sum", output_is_logits=True
    ),
)
EDGETPU = DeepLabV3Config(
    num_classes=19,
    backbone=MobileNetEdgeTPUConfig(output_stride=16),
    aspp=ASPPConfig(filters=256, atrous_rates=()),
)
EDGETPU_SLIM = dataclasses.replace(
    EDGETPU,
    backbone=MobileNetEdgeTPUConfig(depth_multiplier=0.75, output_stride=16),
    aspp=ASPPConfig(filters=128, atrous_rates=()),
)
MOBILENET_V3_SMALL = dataclasses.replace(
    MOBILENET_V3_LARGE, backbone=MobileNetV3Config(size="small", output_stride=32)
)
MOBILENET_V2_ADE20K = DeepLabV3PlusConfig(
    num_classes=151,
    backbone=MobileNetV2Config(output_stride=16),
    aspp=_POOLING,
    decoder=_DECODER,
)
