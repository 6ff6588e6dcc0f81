# Licensed under the Apache License, Version 2.0.
"""Published recipes for ADE20K, 150 classes and the unlabelled 0."""

import dataclasses

from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.config.train import PolySchedule, TrainConfig
from deeplab_tf.config.xception import XceptionConfig
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.recipes.voc2012 import MULTI_SCALE, WEIGHT_DECAY, deeplab_v3plus

# The network has an output for the unlabelled pixels, too, which the loss leaves out.
NUM_CLASSES = 151

# research/deeplab, g3doc/ade20k.md: sizes and steps, for Xception-65. Of the published
# runs batch and learning rate are not known: the page asks for more than 12 images, and
# the rate is that of DeepLabv3, section 4.1, for 16 images.
DATA = DataConfig(
    dataset="ade20k",
    crop_size=(513, 513),
    min_resize_value=513,
    max_resize_value=513,
    resize_factor=16,
)
TRAIN = TrainConfig(
    steps=150000,
    batch_size=16,
    loss=SoftmaxCrossEntropy(ignore_label=0),
    schedule=PolySchedule(learning_rate=0.007, power=0.9),
    weight_decay=WEIGHT_DECAY,
    eval_interval_steps=15000,
)
EVALUATION = EvaluationConfig(crop_size=(513, 513))

DEEPLAB_V3PLUS_XCEPTION_65 = Recipe(
    name="deeplab_v3plus_xception_65_ade20k",
    source="research/deeplab, g3doc/ade20k.md and model_zoo.md. Assumed: batch of 16, "
    "learning rate of 0.007",
    expected="45.65 mean IoU and 82.52 pixel accuracy on val at output stride 8 with "
    "scales 0.5 to 1.75 and flips, from ImageNet",
    model=dataclasses.replace(
        deeplab_v3plus(XceptionConfig(depth=65), separable=True),
        num_classes=NUM_CLASSES,
    ),
    data=DATA,
    train=TRAIN,
    evaluation=dataclasses.replace(
        EVALUATION, output_stride=8, scales=MULTI_SCALE, flip=True
    ),
)

DEEPLAB_V3PLUS_MOBILENET_V2 = dataclasses.replace(
    DEEPLAB_V3PLUS_XCEPTION_65,
    name="deeplab_v3plus_mobilenet_v2_ade20k",
    source="research/deeplab, g3doc/model_zoo.md: sizes of 257, a decoder. Assumed: "
    "batch of 16, learning rate of 0.007, steps of Xception-65",
    expected="32.04 mean IoU and 75.41 pixel accuracy on val at output stride 16, one "
    "scale",
    model=DeepLabV3PlusConfig(
        num_classes=NUM_CLASSES,
        backbone=MobileNetV2Config(output_stride=16),
        # As all released MobileNetV2 networks: no atrous branches.
        aspp=ASPPConfig(atrous_rates=()),
    ),
    data=dataclasses.replace(
        DATA, crop_size=(257, 257), min_resize_value=257, max_resize_value=257
    ),
    evaluation=EvaluationConfig(crop_size=(257, 257)),
)

RECIPES = (DEEPLAB_V3PLUS_XCEPTION_65, DEEPLAB_V3PLUS_MOBILENET_V2)
