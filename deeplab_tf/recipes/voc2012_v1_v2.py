# Licensed under the Apache License, Version 2.0.
"""Published recipes of DeepLab v1 and v2 for PASCAL VOC 2012."""

import dataclasses

from deeplab_tf.config import deeplab_v1, deeplab_v2
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import ModelConfig, Recipe
from deeplab_tf.config.train import (
    CaffeMomentumConfig,
    MomentumConfig,
    PolySchedule,
    StepSchedule,
    TrainConfig,
)
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy

# Crops of 321 x 321 at their own scale, and mirrored: train.prototxt of DeepLab-MSc and
# of v2's VGG-16. ResNet-101 also takes five scales (DeepLabv2, section 4.1.2, "Aug").
DATA = DataConfig(
    dataset="voc2012",
    train_split="train_aug",
    crop_size=(321, 321),
    min_scale_factor=1.0,
    max_scale_factor=1.0,
)
SCALED_DATA = dataclasses.replace(
    DATA, min_scale_factor=0.5, max_scale_factor=1.5, scale_factor_step_size=0.25
)
EVALUATION = EvaluationConfig(crop_size=(513, 513))

# DeepLab v1, section 5, and the authors' solver_train_aug.prototxt. In all of their
# train.prototxt labels are subsampled by 8, the classifier learns ten times as fast
# and all biases twice as fast as their kernels, without weight decay.
V1_TRAIN = TrainConfig(
    steps=6000,
    batch_size=20,
    loss=SoftmaxCrossEntropy(upsample_logits=False),
    schedule=StepSchedule(
        learning_rate=0.001, decay_factor=0.1, decay_every_steps=2000
    ),
    optimizer=CaffeMomentumConfig(momentum=0.9),
    weight_decay=5e-4,
    last_layer_gradient_multiplier=10.0,
    last_layers_contain_logits_only=True,
    # VGG-16 has no batch norm.
    fine_tune_batch_norm=False,
    eval_interval_steps=2000,
)
# MSc starts from a trained network, whose classifier alone goes on: section 4.3.
MSC_TRAIN = dataclasses.replace(
    V1_TRAIN,
    last_layer_gradient_multiplier=1.0,
    frozen_paths=(r"^conv\d_\d/", r"^fc[67]/"),
)
# DeepLabv2, section 4.1.2 and table 2.
VGG_TRAIN = dataclasses.replace(
    V1_TRAIN,
    steps=20000,
    batch_size=10,
    schedule=PolySchedule(learning_rate=0.001, power=0.9),
    eval_interval_steps=5000,
)
# kazuto1011/deeplab-pytorch, configs/voc12.yaml and main.py. The norms keep their
# statistics, gamma and beta.
RESNET_TRAIN = dataclasses.replace(
    VGG_TRAIN,
    gradient_accumulation=2,
    schedule=PolySchedule(learning_rate=2.5e-4, power=0.9, update_every_steps=10),
    optimizer=MomentumConfig(momentum=0.9),
    frozen_paths=(r"(^|/)(gamma|beta)$",),
)

ONE_SCALE = "no figure of the original authors at one scale"


def _v1(form: str, model: ModelConfig, source: str, expected: str) -> Recipe:
    """Returns a recipe of DeepLab v1's tables 1 and 2."""
    return Recipe(
        name=f"deeplab_v1_vgg_16_{form}_voc2012",
        source=f"DeepLab v1 (arXiv:1412.7062), {source}",
        expected=expected,
        model=model,
        data=DATA,
        train=V1_TRAIN,
        evaluation=EVALUATION,
    )


def _v2(form: str, model: ModelConfig, source: str, expected: str) -> Recipe:
    """Returns a recipe of DeepLabv2's tables."""
    is_vgg = form.startswith("vgg_16")
    return Recipe(
        name=f"deeplab_v2_{form}_voc2012",
        source=f"DeepLabv2 (arXiv:1606.00915), {source}",
        expected=expected,
        model=model,
        data=DATA if is_vgg else SCALED_DATA,
        train=VGG_TRAIN if is_vgg else RESNET_TRAIN,
        evaluation=EVALUATION,
    )


DEEPLAB_V1_4X4_128 = _v1(
    "4x4_128",
    deeplab_v1.DEEPLAB,
    "section 5 and table 1: DeepLab, which sees 128 pixels; pools and crops of "
    "DeepLab-MSc in place of 2x2 and 306",
    "59.80 mean IoU on val, 63.74 with the CRF",
)
DEEPLAB_V1_4X4 = _v1(
    "4x4",
    deeplab_v1.DEEPLAB_4X4,
    "section 5 and table 2: DeepLab-CRF-4x4",
    "63.41 mean IoU on val, 67.14 with the CRF",
)
DEEPLAB_V1_7X7 = _v1(
    "7x7",
    deeplab_v1.DEEPLAB_7X7,
    "section 5 and table 2: DeepLab-CRF-7x7",
    "64.38 mean IoU on val, 67.64 with the CRF; 70.3 on the test server with it",
)
DEEPLAB_V1_LARGE_FOV = dataclasses.replace(
    _v1(
        "large_fov",
        deeplab_v1.LARGE_FOV,
        "section 5 and table 2: DeepLab-CRF-LargeFOV. Batch of 30 as in table 2 of "
        "DeepLabv2 (arXiv:1606.00915), where section 5 has 20",
        "62.25 mean IoU on val, 67.64 with the CRF; 70.3 on the test server with it",
    ),
    train=dataclasses.replace(V1_TRAIN, batch_size=30),
)
DEEPLAB_V1_MSC = dataclasses.replace(
    _v1(
        "msc",
        deeplab_v1.MSC,
        "section 4.3 and table 1: DeepLab-MSc, from a checkpoint of 4x4_128, which "
        "stays frozen. Assumed: 6,000 steps",
        "61.30 mean IoU on val, 65.21 with the CRF",
    ),
    train=MSC_TRAIN,
)
DEEPLAB_V1_MSC_LARGE_FOV = dataclasses.replace(
    _v1(
        "msc_large_fov",
        deeplab_v1.MSC_LARGE_FOV,
        "section 4.3 and table 1: DeepLab-MSc-LargeFOV, from a checkpoint of "
        "large_fov, which stays frozen. Assumed: 6,000 steps",
        "64.21 mean IoU on val, 68.70 with the CRF; 71.6 on the test server with it",
    ),
    train=MSC_TRAIN,
)

DEEPLAB_V2_VGG_LARGE_FOV = _v2(
    "vgg_16_large_fov",
    deeplab_v2.VGG_LARGE_FOV,
    "section 4.1.2, tables 2 and 3",
    "65.88 mean IoU on val; in table 3 65.76, and 69.84 with the CRF",
)
DEEPLAB_V2_VGG_ASPP_S = _v2(
    "vgg_16_aspp_s",
    deeplab_v2.VGG_ASPP_S,
    "section 4.1.2 and table 3",
    "66.98 mean IoU on val, 69.73 with the CRF",
)
DEEPLAB_V2_VGG_ASPP_L = _v2(
    "vgg_16_aspp_l",
    deeplab_v2.VGG_ASPP_L,
    "section 4.1.2 and table 3",
    "68.96 mean IoU on val, 71.57 with the CRF; 72.6 on the test server with it",
)

_KAZUTO1011 = "training of kazuto1011/deeplab-pytorch"
DEEPLAB_V2_RESNET_LARGE_FOV = _v2(
    "resnet_101_large_fov",
    deeplab_v2.RESNET_101_LARGE_FOV,
    f"section 4.1.2 and table 4; {_KAZUTO1011}",
    f"{ONE_SCALE}; 75.54 mean IoU on val with three scales, from COCO",
)
DEEPLAB_V2_RESNET_ASPP = _v2(
    "resnet_101_aspp",
    deeplab_v2.RESNET_101_ASPP,
    f"section 4.1.2 and table 4; {_KAZUTO1011}",
    f"{ONE_SCALE}; 76.35 mean IoU on val with three scales, from COCO",
)
DEEPLAB_V2_RESNET_MSC = _v2(
    "resnet_101_msc",
    deeplab_v2.RESNET_101_ASPP_MSC,
    f"section 4.1.2 and table 4: three scales and ASPP; {_KAZUTO1011}",
    "76.35 mean IoU on val, 77.69 with the CRF, from COCO; 79.7 on the test server "
    "with it. kazuto1011: 76.65 and 77.93",
)

RECIPES = (
    DEEPLAB_V1_4X4_128,
    DEEPLAB_V1_4X4,
    DEEPLAB_V1_7X7,
    DEEPLAB_V1_LARGE_FOV,
    DEEPLAB_V1_MSC,
    DEEPLAB_V1_MSC_LARGE_FOV,
    DEEPLAB_V2_VGG_LARGE_FOV,
    DEEPLAB_V2_VGG_ASPP_S,
    DEEPLAB_V2_VGG_ASPP_L,
    DEEPLAB_V2_RESNET_LARGE_FOV,
    DEEPLAB_V2_RESNET_ASPP,
    DEEPLAB_V2_RESNET_MSC,
)
