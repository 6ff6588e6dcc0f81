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
from deeplab_tf.recipes import voc2012_v1_v2
from deeplab_tf.recipes.voc2012 import WEIGHT_DECAY, deeplab_v3plus

# research/deeplab, g3doc/cityscapes.md: crop, steps and output stride, for Xception-65.
# Of the published runs batch and learning rate are not known: the page asks for more
# than 8 images, and the rate is that of DeepLabv3, section 4.1, for 16 images.
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

MODEL = dataclasses.replace(
    deeplab_v3plus(XceptionConfig(depth=65), separable=True), num_classes=19
)

ASSUMED = "Assumed: batch of 16, learning rate of 0.007"

DEEPLAB_V3PLUS_XCEPTION_65 = Recipe(
    name="deeplab_v3plus_xception_65_cityscapes",
    source="DeepLabv3+ (arXiv:1802.02611), table 7; steps and crop of "
    f"research/deeplab, g3doc/cityscapes.md, and its model zoo. {ASSUMED}",
    expected="78.79 mean IoU on val at output stride 16, one scale, from ImageNet; "
    "80.42 at stride 8 with scales 0.75 to 1.25 and flips",
    model=MODEL,
    data=DATA,
    train=TRAIN,
    evaluation=EVALUATION,
)

DEEPLAB_V3PLUS_XCEPTION_65_NO_IMAGE_POOLING = dataclasses.replace(
    DEEPLAB_V3PLUS_XCEPTION_65,
    name="deeplab_v3plus_xception_65_cityscapes_no_image_pooling",
    expected="79.14 mean IoU on val at output stride 16, one scale, from ImageNet",
    model=dataclasses.replace(
        MODEL,
        aspp=ASPPConfig(atrous_rates=(6, 12, 18), image_level_feature=False),
    ),
)

DEEPLAB_V3_XCEPTION_65 = dataclasses.replace(
    DEEPLAB_V3PLUS_XCEPTION_65,
    name="deeplab_v3_xception_65_cityscapes",
    source="DeepLabv3+ (arXiv:1802.02611), table 7: without decoder; research/deeplab, "
    f"g3doc/cityscapes.md. {ASSUMED}, separable ASPP",
    expected="77.33 mean IoU on val at output stride 16, one scale, from ImageNet",
    model=DeepLabV3Config(
        num_classes=19,
        backbone=XceptionConfig(depth=65),
        aspp=ASPPConfig(atrous_rates=(6, 12, 18), separable=True),
    ),
)

# Table 7: the row with the best single network of the paper's val.
DEEPLAB_V3PLUS_XCEPTION_71 = dataclasses.replace(
    DEEPLAB_V3PLUS_XCEPTION_65_NO_IMAGE_POOLING,
    name="deeplab_v3plus_xception_71_cityscapes",
    expected="79.55 mean IoU on val at output stride 16, one scale, from ImageNet, "
    "without image pooling",
    model=dataclasses.replace(
        DEEPLAB_V3PLUS_XCEPTION_65_NO_IMAGE_POOLING.model,
        backbone=XceptionConfig(depth=71),
    ),
)

DEEPLAB_V3_MOBILENET_V2 = dataclasses.replace(
    DEEPLAB_V3PLUS_XCEPTION_65,
    name="deeplab_v3_mobilenet_v2_cityscapes",
    source="research/deeplab, g3doc/model_zoo.md; steps and crop of Xception-65. "
    f"{ASSUMED}",
    expected="70.71 mean IoU on val at output stride 16, one scale, from ImageNet and "
    "COCO; 73.57 at stride 8 with scales 0.75 to 1.25 and flips",
    model=DeepLabV3Config(
        num_classes=19,
        backbone=MobileNetV2Config(output_stride=16),
        aspp=ASPPConfig(atrous_rates=()),
    ),
)

DEEPLAB_V2_RESNET_ASPP = dataclasses.replace(
    voc2012_v1_v2.DEEPLAB_V2_RESNET_ASPP,
    name="deeplab_v2_resnet_101_aspp_cityscapes",
    source="DeepLabv2 (arXiv:1606.00915), section 4.4 and table 8; training of "
    "kazuto1011/deeplab-pytorch. Assumed: crop, batch, steps and learning rate of "
    "VOC 2012",
    expected="70.4 mean IoU on the test server with the CRF",
    model=dataclasses.replace(
        voc2012_v1_v2.DEEPLAB_V2_RESNET_ASPP.model, num_classes=19
    ),
    data=dataclasses.replace(
        voc2012_v1_v2.SCALED_DATA, dataset="cityscapes", train_split="train"
    ),
    evaluation=EVALUATION,
)

RECIPES = (
    DEEPLAB_V2_RESNET_ASPP,
    DEEPLAB_V3PLUS_XCEPTION_65,
    DEEPLAB_V3PLUS_XCEPTION_65_NO_IMAGE_POOLING,
    DEEPLAB_V3_XCEPTION_65,
    DEEPLAB_V3PLUS_XCEPTION_71,
    DEEPLAB_V3_MOBILENET_V2,
)
