# Licensed under the Apache License, Version 2.0.
"""Recipes of our own for CamVid, 11 classes at 480 x 360."""

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

# Half an hour on a CPU is a short run: the statistics must forget their start in it.
NORM_MOMENTUM = 0.98

DEEPLAB_V3PLUS_MOBILENET_V2_CAMVID = Recipe(
    name="deeplab_v3plus_mobilenet_v2_camvid",
    source="This project: from random weights in half an hour on two CPU cores.",
    expected="0.570 mean IoU on val after 1800 steps (g3doc/training.md)",
    model=DeepLabV3PlusConfig(
        num_classes=11,
        backbone=MobileNetV2Config(output_stride=16),
        backbone_style=dataclasses.replace(
            MOBILENET_STYLE, norm_momentum=NORM_MOMENTUM
        ),
        aspp=ASPPConfig(filters=128, atrous_rates=(3, 6, 9)),
        decoder=DecoderConfig(filters=128),
        head_style=dataclasses.replace(HEAD_STYLE, norm_momentum=NORM_MOMENTUM),
    ),
    data=DataConfig(
        dataset="camvid",
        # Small crops of small scales: on a CPU, steps count more than pixels.
        crop_size=(193, 257),
        min_scale_factor=0.5,
        max_scale_factor=1.25,
    ),
    train=TrainConfig(
        steps=1800,
        batch_size=8,
        # Weights near the square root of the median frequency over the class's own
        # (the label audit of build_camvid_data.py counts the pixels).
        loss=SoftmaxCrossEntropy(
            ignore_label=11,
            class_weights=(0.6, 0.5, 2.0, 0.5, 1.0, 0.7, 2.0, 1.4, 0.9, 2.0, 2.0),
            top_k_fraction=0.5,
        ),
        schedule=PolySchedule(
            learning_rate=2e-3,
            slow_start=SlowStart(steps=100, learning_rate=1e-4, linear=True),
        ),
        optimizer=AdamConfig(learning_rate=None),
        weight_decay=4e-5,
        log_steps=20,
        save_interval_steps=200,
        eval_interval_steps=600,
        keep_checkpoints=2,
    ),
    evaluation=EvaluationConfig(crop_size=(360, 480)),
)

# The network of the published deeplabv3_mnv2_ade20k_train_2018_12_03: all of that
# checkpoint but its logits finds its place.
DEEPLAB_V3PLUS_MOBILENET_V2_CAMVID_FINE_TUNED = dataclasses.replace(
    DEEPLAB_V3PLUS_MOBILENET_V2_CAMVID,
    name="deeplab_v3plus_mobilenet_v2_camvid_fine_tuned",
    source="This project: from MobileNetV2's published ADE20K checkpoint, in an hour "
    "on two CPU cores.",
    expected="0.666 mean IoU on val, one scale; 0.736 with scales 0.75 to 1.5 and "
    "flips, from weights rounded to 8 bits (g3doc/camvid.md)",
    model=DeepLabV3PlusConfig(
        num_classes=11,
        backbone=MobileNetV2Config(output_stride=16),
        aspp=ASPPConfig(atrous_rates=()),
    ),
    data=dataclasses.replace(
        DEEPLAB_V3PLUS_MOBILENET_V2_CAMVID.data,
        crop_size=(257, 321),
        max_scale_factor=1.5,
    ),
    train=dataclasses.replace(
        DEEPLAB_V3PLUS_MOBILENET_V2_CAMVID.train,
        steps=2500,
        schedule=PolySchedule(
            learning_rate=1e-3,
            slow_start=SlowStart(steps=100, learning_rate=1e-4, linear=True),
        ),
        # The statistics of ADE20K hold for any street, and eight crops give poor ones.
        fine_tune_batch_norm=False,
        last_layers_contain_logits_only=True,
        moving_average_decay=0.995,
        precision="mixed_bfloat16",
        eval_interval_steps=500,
    ),
)

RECIPES = (
    DEEPLAB_V3PLUS_MOBILENET_V2_CAMVID,
    DEEPLAB_V3PLUS_MOBILENET_V2_CAMVID_FINE_TUNED,
)
