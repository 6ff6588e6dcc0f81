# Licensed under the Apache License, Version 2.0.
"""Published recipes for PASCAL VOC 2012."""

import dataclasses

from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.config.train import PolySchedule, TrainConfig
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy

# DeepLabv3 (arXiv:1706.05587), section 4: batch 16, crop 513, poly with 0.007, 30K
# steps; weight decay and momentum of research/deeplab/train.py.
DEEPLAB_V3_MOBILENET_V2_VOC2012 = Recipe(
    name="deeplab_v3_mobilenet_v2_voc2012",
    source="MobileNetV2 (arXiv:1801.04381), table 7; DeepLabv3 (arXiv:1706.05587), "
    "section 4; research/deeplab/train.py",
    expected="75.32 mean IoU on val at output stride 16, one scale, from a checkpoint "
    "trained on ImageNet and COCO",
    model=DeepLabV3Config(
        backbone=MobileNetV2Config(output_stride=16),
        aspp=ASPPConfig(atrous_rates=()),
    ),
    data=DataConfig(dataset="voc2012", train_split="train_aug"),
    train=TrainConfig(
        steps=30000,
        batch_size=16,
        loss=SoftmaxCrossEntropy(),
        schedule=PolySchedule(learning_rate=0.007, power=0.9),
        weight_decay=4e-5,
        eval_interval_steps=5000,
    ),
    evaluation=EvaluationConfig(crop_size=(513, 513)),
)

# The same with ASPP and the decoder of DeepLabv3+ (arXiv:1802.02611), section 4.
DEEPLAB_V3PLUS_MOBILENET_V2_VOC2012 = dataclasses.replace(
    DEEPLAB_V3_MOBILENET_V2_VOC2012,
    name="deeplab_v3plus_mobilenet_v2_voc2012",
    source="DeepLabv3+ (arXiv:1802.02611), section 4, with the backbone of "
    "arXiv:1801.04381",
    expected="no figure of the original authors",
    model=DeepLabV3PlusConfig(
        backbone=MobileNetV2Config(output_stride=16),
        aspp=ASPPConfig(atrous_rates=(6, 12, 18)),
    ),
)

RECIPES = (DEEPLAB_V3_MOBILENET_V2_VOC2012, DEEPLAB_V3PLUS_MOBILENET_V2_VOC2012)
