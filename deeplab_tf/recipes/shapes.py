# Licensed under the Apache License, Version 2.0.
"""Recipes of our own for the drawn data set `shapes`."""

import dataclasses

from deeplab_tf.config.aspp import ASPPConfig, DecoderConfig
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3 import HEAD_STYLE
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.mobilenet_v2 import MOBILENET_STYLE, MobileNetV2Config
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.config.train import AdamConfig, PolySchedule, SlowStart, TrainConfig
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy

# A short run: the statistics must forget their start within it.
NORM_MOMENTUM = 0.97

DEEPLAB_V3PLUS_MOBILENET_V2_SHAPES = Recipe(
    name="deeplab_v3plus_mobilenet_v2_shapes",
    source="This project: the demo, from random weights in minutes on two CPU cores.",
    expected="at least 0.80 mean IoU on the val split (make demo)",
    model=DeepLabV3PlusConfig(
        num_classes=6,
        backbone=MobileNetV2Config(depth_multiplier=0.5, output_stride=16),
        backbone_style=dataclasses.replace(
            MOBILENET_STYLE, norm_momentum=NORM_MOMENTUM
        ),
        aspp=ASPPConfig(filters=64, atrous_rates=(2, 4)),
        decoder=DecoderConfig(filters=64, projected_filters=32),
        head_style=dataclasses.replace(HEAD_STYLE, norm_momentum=NORM_MOMENTUM),
    ),
    data=DataConfig(
        dataset="shapes",
        crop_size=(97, 97),
        min_scale_factor=1.0,
        max_scale_factor=1.25,
    ),
    train=TrainConfig(
        steps=900,
        batch_size=16,
        # Four fifths of the pixels are background; rings and lines are few.
        loss=SoftmaxCrossEntropy(
            class_weights=(0.5, 1.0, 1.0, 1.5, 2.0, 2.0), top_k_fraction=0.5
        ),
        schedule=PolySchedule(
            learning_rate=3e-3,
            slow_start=SlowStart(steps=50, learning_rate=2e-4, linear=True),
        ),
        optimizer=AdamConfig(learning_rate=None),
        weight_decay=4e-5,
        log_steps=20,
        save_interval_steps=300,
        eval_interval_steps=450,
        keep_checkpoints=2,
    ),
    evaluation=EvaluationConfig(crop_size=(97, 97)),
)

RECIPES = (DEEPLAB_V3PLUS_MOBILENET_V2_SHAPES,)
