# Licensed under the Apache License, Version 2.0.
"""Published recipes for Cityscapes."""

import dataclasses

from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.config.train import PolySchedule, TrainConfig
from deeplab_tf.config.xception import XceptionConfig
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.recipes.voc2012 import WEIGHT_DECAY, deeplab_v3plus

# research/deeplab, g3doc/cityscapes.md: crop, steps and output stride. Batch and
# learning rate of the published runs are not published: "larger than 8" is asked for,
# and the rate here is that of DeepLabv3 (arXiv:1706.05587), section 4, for 16 images.
DATA = DataConfig(dataset="cityscapes", crop_size=(769, 769))
TRAIN = TrainConfig(
    steps=90000,
    batch_size=16,
    loss=SoftmaxCrossEntropy(),
    schedule=PolySchedule(learning_rate=0.007, power=0.9),
    weight_decay=WEIGHT_DECAY,
    eval_interval_steps=10000,
)
# One pixel more than the images, as the original pads them.
EVALUATION = EvaluationConfig(crop_size=(1025, 2049))

DEEPLAB_V3PLUS_XCEPTION_65 = Recipe(
    name="deeplab_v3plus_xception_65_cityscapes",
    source="DeepLabv3+ (arXiv:1802.02611), table 7; research/deeplab, "
    "g3doc/cityscapes.md and model_zoo.md",
    expected="78.79 mean IoU on val at output stride 16, one scale, from ImageNet; "
    "80.42 at stride 8 with scales 0.75 to 1.25 and flips",
    model=dataclasses.replace(
        deeplab_v3plus(XceptionConfig(depth=65), separable=True), num_classes=19
    ),
    data=DATA,
    train=TRAIN,
    evaluation=EVALUATION,
)

# Table 7: the row with the best single network of the paper's val.
DEEPLAB_V3PLUS_XCEPTION_71 = dataclasses.replace(
    DEEPLAB_V3PLUS_XCEPTION_65,
    name="deeplab_v3plus_xception_71_cityscapes",
    source="DeepLabv3+ (arXiv:1802.02611), table 7",
    expected="79.55 mean IoU on val at output stride 16, one scale, from ImageNet, "
    "without image pooling",
    model=dataclasses.replace(
        DEEPLAB_V3PLUS_XCEPTION_65.model,
        backbone=XceptionConfig(depth=71),
        aspp=ASPPConfig(atrous_rates=(6, 12, 18), image_level_feature=False),
    ),
)

DEEPLAB_V3_MOBILENET_V2 = dataclasses.replace(
    DEEPLAB_V3PLUS_XCEPTION_65,
    name="deeplab_v3_mobilenet_v2_cityscapes",
    source="research/deeplab, g3doc/cityscapes.md and model_zoo.md",
    expected="70.71 mean IoU on val at output stride 16, one scale, from ImageNet and "
    "COCO; 73.57 at stride 8 with scales 0.75 to 1.25 and flips",
    model=DeepLabV3Config(
        num_classes=19,
        backbone=MobileNetV2Config(output_stride=16),
        aspp=ASPPConfig(atrous_rates=()),
    ),
)

RECIPES = (
    DEEPLAB_V3PLUS_XCEPTION_65,
    DEEPLAB_V3PLUS_XCEPTION_71,
    DEEPLAB_V3_MOBILENET_V2,
)
