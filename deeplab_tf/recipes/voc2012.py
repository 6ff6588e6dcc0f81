# Licensed under the Apache License, Version 2.0.
"""Published recipes for PASCAL VOC 2012."""

import dataclasses

from deeplab_tf.config.aspp import ASPPConfig, DecoderConfig
from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.recipe import Recipe, rescale_rates
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.train import PolySchedule, TrainConfig
from deeplab_tf.config.xception import XceptionConfig
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy

# research/deeplab/train.py: of ResNet, and of Xception and MobileNetV2.
RESNET_WEIGHT_DECAY = 1e-4
WEIGHT_DECAY = 4e-5

# DeepLabv3 (arXiv:1706.05587), section 4.2, of the figures with "MS" and "Flip".
MULTI_SCALE = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
# Section 4.3, table 5: what ResNet takes in its last block.
MULTI_GRID = (1, 2, 4)

# Section 4.1: the first stage, on the 10,582 augmented images with batch norm trained.
# The section's norm momentum of 0.9997 holds in heads and in Xception; ResNet has 0.95
# and MobileNetV2 0.997, as in research/deeplab, core/feature_extractor.py. That matters
# where moving statistics are taken: in evaluation and in the second stage.
DATA = DataConfig(dataset="voc2012", train_split="train_aug")
TRAIN = TrainConfig(
    steps=30000,
    batch_size=16,
    loss=SoftmaxCrossEntropy(),
    schedule=PolySchedule(learning_rate=0.007, power=0.9),
    weight_decay=WEIGHT_DECAY,
    eval_interval_steps=5000,
)
RESNET_TRAIN = dataclasses.replace(TRAIN, weight_decay=RESNET_WEIGHT_DECAY)
EVALUATION = EvaluationConfig(crop_size=(513, 513))


def deeplab_v3plus(backbone: BackboneConfig, *, separable: bool) -> DeepLabV3PlusConfig:
    """Returns DeepLabv3+ as its paper's tables have it at output stride 16.

    Args:
        backbone: the feature extractor.
        separable: whether ASPP and decoder are depthwise separable: column "SC".
    """
    return DeepLabV3PlusConfig(
        backbone=backbone,
        aspp=ASPPConfig(atrous_rates=(6, 12, 18), separable=separable),
        decoder=DecoderConfig(output_strides=(4,), separable=separable),
    )


def second_stage(recipe: Recipe, *, source: str, expected: str) -> Recipe:
    """Returns the second stage of a recipe: on trainval, with batch norm frozen.

    It starts from a checkpoint of the first stage. The batch is the first stage's, for
    the paper names none, and each image is there once: the paper duplicates those that
    hold a bicycle, chair, table, potted plant or sofa (DeepLabv3, section 4.3).

    Args:
        recipe: the first stage.
        source: where the figure and the network come from.
        expected: what the test server reported.
    """
    # DeepLabv3, section 4.1: stride 8, 30,000 steps and a learning rate of 0.001 on the
    # 2,913 images of trainval; a comment in research/deeplab/train.py says 0.0001.
    train = dataclasses.replace(
        recipe.train,
        schedule=PolySchedule(learning_rate=0.001, power=0.9),
        fine_tune_batch_norm=False,
        eval_interval_steps=0,
    )
    return dataclasses.replace(
        recipe,
        name=f"{recipe.name}_trainval",
        source=f"{source}. Batch of 16 assumed; images of hard classes not duplicated",
        expected=expected,
        model=rescale_rates(recipe.model, 8),
        # What is trained on cannot be validated on; the figure is the test server's.
        data=dataclasses.replace(recipe.data, train_split="trainval", eval_split=""),
        train=train,
        evaluation=dataclasses.replace(
            recipe.evaluation, scales=MULTI_SCALE, flip=True
        ),
    )


DEEPLAB_V3_MOBILENET_V2 = Recipe(
    name="deeplab_v3_mobilenet_v2_voc2012",
    # After COCO, DeepLabv3 (section 4.3) takes a rate of 0.0001; of MobileNetV2 no
    # setting of the training is published.
    source="MobileNetV2 (arXiv:1801.04381), table 7. Assumed: schedule and batch of "
    "DeepLabv3 (arXiv:1706.05587), section 4.1",
    expected="75.32 mean IoU on val at output stride 16, one scale, from a checkpoint "
    "trained on ImageNet and COCO; 77.33 at stride 8 with scales 0.5 to 1.75 and flips",
    model=DeepLabV3Config(
        backbone=MobileNetV2Config(output_stride=16),
        aspp=ASPPConfig(atrous_rates=()),
    ),
    data=DATA,
    train=TRAIN,
    evaluation=EVALUATION,
)
DEEPLAB_V3_MOBILENET_V2_TRAINVAL = second_stage(
    DEEPLAB_V3_MOBILENET_V2,
    source="research/deeplab, g3doc/model_zoo.md; DeepLabv3, section 4.1",
    expected="80.25 mean IoU on the test server, from a checkpoint trained on "
    "ImageNet, COCO and the first stage",
)

DEEPLAB_V3_MOBILENET_V2_DM05 = dataclasses.replace(
    DEEPLAB_V3_MOBILENET_V2,
    name="deeplab_v3_mobilenet_v2_voc2012_dm05",
    source="research/deeplab, g3doc/model_zoo.md: half of the channels. Assumed: "
    "schedule and batch of DeepLabv3 (arXiv:1706.05587), section 4.1",
    expected="70.19 mean IoU on val at output stride 16, one scale, from a checkpoint "
    "trained on ImageNet and COCO",
    model=DeepLabV3Config(
        backbone=MobileNetV2Config(depth_multiplier=0.5, output_stride=16),
        aspp=ASPPConfig(atrous_rates=()),
    ),
)
DEEPLAB_V3_MOBILENET_V2_DM05_TRAINVAL = dataclasses.replace(
    second_stage(
        DEEPLAB_V3_MOBILENET_V2_DM05,
        source="research/deeplab, g3doc/model_zoo.md; DeepLabv3, section 4.1",
        expected="71.83 mean IoU on the test server at output stride 8, one scale, "
        "from a checkpoint trained on ImageNet, COCO and the first stage",
    ),
    evaluation=EVALUATION,
)

DEEPLAB_V3_MOBILENET_V2_ASPP = dataclasses.replace(
    DEEPLAB_V3_MOBILENET_V2,
    name="deeplab_v3_mobilenet_v2_voc2012_aspp",
    expected="75.70 mean IoU on val at output stride 16, one scale, from a checkpoint "
    "trained on ImageNet and COCO; 78.42 at stride 8 with scales 0.5 to 1.75 and flips",
    model=DeepLabV3Config(
        backbone=MobileNetV2Config(output_stride=16),
        aspp=ASPPConfig(atrous_rates=(6, 12, 18), separable=False),
    ),
)

# With ASPP and the decoder of DeepLabv3+.
DEEPLAB_V3PLUS_MOBILENET_V2 = dataclasses.replace(
    DEEPLAB_V3_MOBILENET_V2,
    name="deeplab_v3plus_mobilenet_v2_voc2012",
    source="DeepLabv3+ (arXiv:1802.02611), section 4, with the backbone of "
    "MobileNetV2 (arXiv:1801.04381)",
    expected="no figure of the original authors",
    model=deeplab_v3plus(MobileNetV2Config(output_stride=16), separable=True),
)

DEEPLAB_V3_RESNET_V1_101_BETA = Recipe(
    name="deeplab_v3_resnet_v1_101_beta_voc2012",
    source="DeepLabv3 (arXiv:1706.05587), section 4.1, tables 5 and 6; stem, weight "
    "decay and the backbone's norm momentum of research/deeplab",
    expected="77.21 mean IoU on val at output stride 16, one scale, from ImageNet; "
    "78.51 at stride 8; 79.77 at stride 8 with scales 0.5 to 1.75 and flips",
    model=DeepLabV3Config(
        backbone=ResNetConfig(depth=101, stem="beta", multi_grid=MULTI_GRID),
        aspp=ASPPConfig(atrous_rates=(6, 12, 18), separable=False),
    ),
    data=DATA,
    train=RESNET_TRAIN,
    evaluation=EVALUATION,
)
DEEPLAB_V3_RESNET_V1_101_BETA_TRAINVAL = second_stage(
    DEEPLAB_V3_RESNET_V1_101_BETA,
    source="DeepLabv3 (arXiv:1706.05587), section 4.1 and table 7",
    expected="85.7 mean IoU on the test server, from a checkpoint trained on ImageNet, "
    "COCO and the first stage",
)

DEEPLAB_V3PLUS_RESNET_V1_101_BETA = dataclasses.replace(
    DEEPLAB_V3_RESNET_V1_101_BETA,
    name="deeplab_v3plus_resnet_v1_101_beta_voc2012",
    source="DeepLabv3+ (arXiv:1802.02611), section 4 and table 3; stem, weight "
    "decay and the backbone's norm momentum of research/deeplab",
    expected="78.85 mean IoU on val at output stride 16, one scale, from ImageNet; "
    "79.35 at stride 8; 80.57 at stride 8 with scales 0.5 to 1.75 and flips",
    model=deeplab_v3plus(
        ResNetConfig(depth=101, stem="beta", multi_grid=MULTI_GRID), separable=False
    ),
)
DEEPLAB_V3PLUS_RESNET_V1_101_BETA_TRAINVAL = second_stage(
    DEEPLAB_V3PLUS_RESNET_V1_101_BETA,
    source="DeepLabv3 (arXiv:1706.05587), section 4.1",
    expected="no figure of the original authors",
)

DEEPLAB_V3_XCEPTION_65 = Recipe(
    name="deeplab_v3_xception_65_voc2012",
    source="DeepLabv3+ (arXiv:1802.02611), section 4 and table 5: without decoder",
    expected="79.17 mean IoU on val at output stride 16, one scale, from ImageNet; "
    "79.64 at stride 8; 81.34 at stride 8 with scales 0.5 to 1.75 and flips",
    model=DeepLabV3Config(
        backbone=XceptionConfig(depth=65),
        aspp=ASPPConfig(atrous_rates=(6, 12, 18), separable=False),
    ),
    data=DATA,
    train=TRAIN,
    evaluation=EVALUATION,
)

DEEPLAB_V3PLUS_XCEPTION_65 = Recipe(
    name="deeplab_v3plus_xception_65_voc2012",
    source="DeepLabv3+ (arXiv:1802.02611), section 4 and table 5; research/deeplab, "
    "g3doc/model_zoo.md",
    expected="79.79 mean IoU on val at output stride 16, one scale, from ImageNet; "
    "81.39 at stride 8 with scales 0.5 to 1.75 and flips; with COCO 82.20 and 83.58",
    model=deeplab_v3plus(XceptionConfig(depth=65), separable=True),
    data=DATA,
    train=TRAIN,
    evaluation=EVALUATION,
)
DEEPLAB_V3PLUS_XCEPTION_65_TRAINVAL = second_stage(
    DEEPLAB_V3PLUS_XCEPTION_65,
    source="DeepLabv3+ (arXiv:1802.02611), table 6; DeepLabv3, section 4.1",
    expected="87.8 mean IoU on the test server, from a checkpoint trained on ImageNet, "
    "COCO and the first stage",
)

RECIPES = (
    DEEPLAB_V3_MOBILENET_V2,
    DEEPLAB_V3_MOBILENET_V2_TRAINVAL,
    DEEPLAB_V3_MOBILENET_V2_DM05,
    DEEPLAB_V3_MOBILENET_V2_DM05_TRAINVAL,
    DEEPLAB_V3_MOBILENET_V2_ASPP,
    DEEPLAB_V3PLUS_MOBILENET_V2,
    DEEPLAB_V3_RESNET_V1_101_BETA,
    DEEPLAB_V3_RESNET_V1_101_BETA_TRAINVAL,
    DEEPLAB_V3PLUS_RESNET_V1_101_BETA,
    DEEPLAB_V3PLUS_RESNET_V1_101_BETA_TRAINVAL,
    DEEPLAB_V3_XCEPTION_65,
    DEEPLAB_V3PLUS_XCEPTION_65,
    DEEPLAB_V3PLUS_XCEPTION_65_TRAINVAL,
)
