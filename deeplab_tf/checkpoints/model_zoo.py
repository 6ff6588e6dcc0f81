# Licensed under the Apache License, Version 2.0.
"""The model zoo of research/deeplab: its g3doc/model_zoo.md and quantize.md.

Google publishes no checksum of any of these archives, and gives their addresses with
plain http; the same files are behind https.
"""

import dataclasses

from deeplab_tf.checkpoints.published_checkpoint import (
    CHECKPOINT,
    FROZEN_GRAPH,
    TFLITE_FILE,
    PublishedCheckpoint,
    Score,
)
from deeplab_tf.config import model_zoo as networks
from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.image_classifier import IMAGENET_CLASSES, ImageClassifierConfig
from deeplab_tf.config.resnet import ResNetConfig
from deeplab_tf.config.xception import XceptionConfig

SOURCE = "research/deeplab, g3doc/model_zoo.md"
QUANTIZE = "research/deeplab, g3doc/quantize.md"
_HOSTS = (
    "https://storage.googleapis.com/download.tensorflow.org/models/",
    "https://download.tensorflow.org/models/",
    "http://download.tensorflow.org/models/",
)

VOC_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
CITYSCAPES_SCALES = (0.75, 1.0, 1.25)
_TEST_SCALES = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)


def _urls(archive: str) -> tuple[str, ...]:
    return tuple(host + archive for host in _HOSTS)


def _averaged(
    percent: float,
    scales: tuple[float, ...],
    *,
    metric: str = "mean IoU",
    split: str = "val",
) -> Score:
    """Returns a score of several scales and mirrored images at stride 8."""
    return Score(
        percent=percent,
        metric=metric,
        split=split,
        output_stride=8,
        scales=scales,
        flip=True,
    )


_SEGMENTATION = PublishedCheckpoint(
    name="",
    urls=("",),
    contents=(CHECKPOINT, FROZEN_GRAPH),
    trained_on=(),
    source=SOURCE,
)
_VOC = dataclasses.replace(
    _SEGMENTATION,
    trained_on=("ImageNet", "COCO", "VOC 2012 train_aug"),
    dataset="voc2012",
    num_classes=21,
    ignore_label=255,
)
_VOC_TRAINVAL = dataclasses.replace(
    _VOC, trained_on=("ImageNet", "COCO", "VOC 2012 train_aug and trainval")
)
_CITYSCAPES = dataclasses.replace(
    _SEGMENTATION,
    trained_on=("ImageNet", "Cityscapes train_fine"),
    dataset="cityscapes",
    num_classes=19,
    ignore_label=255,
)
_ADE20K = dataclasses.replace(
    _SEGMENTATION,
    trained_on=("ImageNet", "ADE20K train"),
    dataset="ade20k",
    # The unlabelled pixels have an output, too, which the training left out.
    num_classes=151,
    ignore_label=0,
)


def _imagenet(
    name: str, archive: str, backbone: BackboneConfig, *, size_megabytes: float
) -> PublishedCheckpoint:
    return PublishedCheckpoint(
        name=name,
        urls=_urls(archive),
        trained_on=("ImageNet",),
        num_classes=IMAGENET_CLASSES,
        backbone=backbone,
        classifier=ImageClassifierConfig(
            backbone=dataclasses.replace(backbone, output_stride=32)
        ),
        source=SOURCE,
        size_megabytes=size_megabytes,
    )


VOC_CHECKPOINTS = (
    dataclasses.replace(
        _VOC,
        name="mobilenetv2_dm05_coco_voc_trainaug",
        urls=_urls("deeplabv3_mnv2_dm05_pascal_trainaug_2018_10_01.tar.gz"),
        model=networks.MOBILENET_V2_DM05,
        recipe="deeplab_v3_mobilenet_v2_voc2012_dm05",
        scores=(Score(percent=70.19, output_stride=16),),
        size_megabytes=7.6,
    ),
    dataclasses.replace(
        _VOC_TRAINVAL,
        name="mobilenetv2_dm05_coco_voc_trainval",
        urls=_urls("deeplabv3_mnv2_dm05_pascal_trainval_2018_10_01.tar.gz"),
        model=networks.MOBILENET_V2_DM05,
        recipe="deeplab_v3_mobilenet_v2_voc2012_dm05_trainval",
        scores=(Score(percent=71.83, split="test", output_stride=8),),
        size_megabytes=7.6,
    ),
    dataclasses.replace(
        _VOC,
        name="mobilenetv2_coco_voc_trainaug",
        urls=_urls("deeplabv3_mnv2_pascal_train_aug_2018_01_29.tar.gz"),
        model=networks.MOBILENET_V2,
        recipe="deeplab_v3_mobilenet_v2_voc2012",
        scores=(
            Score(percent=75.32, output_stride=16),
            _averaged(77.33, VOC_SCALES),
        ),
        size_megabytes=23,
    ),
    dataclasses.replace(
        _VOC_TRAINVAL,
        name="mobilenetv2_coco_voc_trainval",
        urls=_urls("deeplabv3_mnv2_pascal_trainval_2018_01_29.tar.gz"),
        model=networks.MOBILENET_V2,
        recipe="deeplab_v3_mobilenet_v2_voc2012_trainval",
        scores=(_averaged(80.25, VOC_SCALES, split="test"),),
        size_megabytes=23,
    ),
    dataclasses.replace(
        _VOC,
        name="xception65_coco_voc_trainaug",
        urls=_urls("deeplabv3_pascal_train_aug_2018_01_04.tar.gz"),
        model=networks.XCEPTION_65,
        recipe="deeplab_v3plus_xception_65_voc2012",
        scores=(
            Score(percent=82.20, output_stride=16),
            _averaged(83.58, VOC_SCALES),
        ),
        size_megabytes=439,
    ),
    dataclasses.replace(
        _VOC_TRAINVAL,
        name="xception65_coco_voc_trainval",
        urls=_urls("deeplabv3_pascal_trainval_2018_01_04.tar.gz"),
        model=networks.XCEPTION_65,
        recipe="deeplab_v3plus_xception_65_voc2012_trainval",
        scores=(_averaged(87.80, VOC_SCALES, split="test"),),
        size_megabytes=439,
    ),
    dataclasses.replace(
        _VOC,
        name="mobilenetv2_dm05_coco_voc_trainaug_8bit",
        urls=_urls("deeplabv3_mnv2_dm05_pascal_train_aug_8bit_2019_04_26.tar.gz"),
        contents=(CHECKPOINT, FROZEN_GRAPH, TFLITE_FILE),
        model=networks.MOBILENET_V2_DM05,
        recipe="deeplab_v3_mobilenet_v2_voc2012_dm05",
        scores=(Score(percent=69.65, output_stride=16),),
        source=QUANTIZE,
        size_megabytes=8.2,
        note="Trained for 8 bits; the TFLite file has 751.1 KB.",
    ),
    dataclasses.replace(
        _VOC,
        name="mobilenetv2_coco_voc_trainaug_8bit",
        urls=_urls("deeplabv3_mnv2_pascal_train_aug_8bit_2019_04_26.tar.gz"),
        contents=(CHECKPOINT, FROZEN_GRAPH, TFLITE_FILE),
        model=networks.MOBILENET_V2,
        recipe="deeplab_v3_mobilenet_v2_voc2012",
        scores=(Score(percent=74.26, output_stride=16),),
        source=QUANTIZE,
        size_megabytes=24,
        note="Trained for 8 bits; the TFLite file has 2.2 MB.",
    ),
)

CITYSCAPES_CHECKPOINTS = (
    dataclasses.replace(
        _CITYSCAPES,
        name="mobilenetv2_coco_cityscapes_trainfine",
        urls=_urls("deeplabv3_mnv2_cityscapes_train_2018_02_05.tar.gz"),
        trained_on=("ImageNet", "COCO", "Cityscapes train_fine"),
        model=dataclasses.replace(networks.MOBILENET_V2, num_classes=19),
        recipe="deeplab_v3_mobilenet_v2_cityscapes",
        scores=(
            Score(percent=70.71, output_stride=16),
            _averaged(73.57, CITYSCAPES_SCALES),
        ),
        size_megabytes=23,
    ),
    dataclasses.replace(
        _CITYSCAPES,
        name="mobilenetv3_large_cityscapes_trainfine",
        urls=_urls("deeplab_mnv3_large_cityscapes_trainfine_2019_11_15.tar.gz"),
        trained_on=("Cityscapes train_fine",),
        model=networks.MOBILENET_V3_LARGE,
        scores=(Score(percent=72.41, output_stride=32),),
        size_megabytes=17,
    ),
    dataclasses.replace(
        _CITYSCAPES,
        name="mobilenetv3_small_cityscapes_trainfine",
        urls=_urls("deeplab_mnv3_small_cityscapes_trainfine_2019_11_15.tar.gz"),
        trained_on=("Cityscapes train_fine",),
        model=networks.MOBILENET_V3_SMALL,
        scores=(Score(percent=68.99, output_stride=32),),
        size_megabytes=5,
    ),
    dataclasses.replace(
        _CITYSCAPES,
        name="xception65_cityscapes_trainfine",
        urls=_urls("deeplabv3_cityscapes_train_2018_02_06.tar.gz"),
        model=dataclasses.replace(networks.XCEPTION_65, num_classes=19),
        recipe="deeplab_v3plus_xception_65_cityscapes",
        scores=(
            Score(percent=78.79, output_stride=16),
            _averaged(80.42, CITYSCAPES_SCALES),
        ),
        size_megabytes=439,
    ),
    dataclasses.replace(
        _CITYSCAPES,
        name="xception71_dpc_cityscapes_trainfine",
        urls=_urls("deeplab_cityscapes_xception71_trainfine_2018_09_08.tar.gz"),
        trained_on=("ImageNet", "COCO", "Cityscapes train_fine"),
        model=networks.XCEPTION_71_DPC,
        scores=(Score(percent=80.31, output_stride=16),),
        size_megabytes=445,
    ),
    dataclasses.replace(
        _CITYSCAPES,
        name="xception71_dpc_cityscapes_trainval",
        urls=_urls("deeplab_cityscapes_xception71_trainvalfine_2018_09_08.tar.gz"),
        trained_on=("ImageNet", "COCO", "Cityscapes trainval_fine and coarse"),
        model=networks.XCEPTION_71_DPC,
        scores=(_averaged(82.66, _TEST_SCALES, split="test"),),
        size_megabytes=446,
    ),
    dataclasses.replace(
        _CITYSCAPES,
        name="EdgeTPU-DeepLab",
        urls=_urls("edgetpu-deeplab_2020_03_09.tar.gz"),
        model=networks.EDGETPU,
        scores=(
            Score(percent=70.6, output_stride=32),
            Score(percent=74.1, output_stride=16),
        ),
    ),
    dataclasses.replace(
        _CITYSCAPES,
        name="EdgeTPU-DeepLab-slim",
        urls=_urls("edgetpu-deeplab-slim_2020_03_09.tar.gz"),
        model=networks.EDGETPU_SLIM,
        scores=(
            Score(percent=70.0, output_stride=32),
            Score(percent=73.2, output_stride=16),
        ),
    ),
)

ADE20K_CHECKPOINTS = (
    dataclasses.replace(
        _ADE20K,
        name="mobilenetv2_ade20k_train",
        urls=_urls("deeplabv3_mnv2_ade20k_train_2018_12_03.tar.gz"),
        model=networks.MOBILENET_V2_ADE20K,
        recipe="deeplab_v3plus_mobilenet_v2_ade20k",
        scores=(
            Score(percent=32.04, output_stride=16),
            Score(percent=75.41, metric="pixel accuracy", output_stride=16),
        ),
        size_megabytes=24.8,
        note="The longer side of its images was 257.",
    ),
    dataclasses.replace(
        _ADE20K,
        name="xception65_ade20k_train",
        urls=_urls("deeplabv3_xception_ade20k_train_2018_05_29.tar.gz"),
        model=dataclasses.replace(networks.XCEPTION_65, num_classes=151),
        recipe="deeplab_v3plus_xception_65_ade20k",
        scores=(
            _averaged(45.65, VOC_SCALES),
            _averaged(82.52, VOC_SCALES, metric="pixel accuracy"),
        ),
        size_megabytes=439,
        note="The longer side of its images was 513.",
    ),
)

INITIALISATIONS = (
    _imagenet(
        "xception_41_imagenet",
        "xception_41_2018_05_09.tar.gz",
        XceptionConfig(depth=41),
        size_megabytes=288,
    ),
    _imagenet(
        "xception_65_imagenet",
        "deeplabv3_xception_2018_01_04.tar.gz",
        XceptionConfig(depth=65),
        size_megabytes=447,
    ),
    dataclasses.replace(
        _VOC,
        name="xception_65_imagenet_coco",
        urls=_urls("xception_65_coco_pretrained_2018_10_02.tar.gz"),
        contents=(CHECKPOINT,),
        trained_on=("ImageNet", "COCO"),
        model=networks.XCEPTION_65,
        size_megabytes=292,
        # Its COCO had the classes of VOC (DeepLabv3, arXiv:1706.05587, section 4.3).
        note="What it holds is not published: head and classes are those that the name "
        "of its checkpoint, x65-b2u1s2p-d48-2-3x256-sc, and DeepLabv3 suggest.",
    ),
    _imagenet(
        "xception_71_imagenet",
        "xception_71_2018_05_09.tar.gz",
        XceptionConfig(depth=71),
        size_megabytes=474,
    ),
    _imagenet(
        "resnet_v1_50_beta_imagenet",
        "resnet_v1_50_2018_05_04.tar.gz",
        ResNetConfig(depth=50, stem="beta"),
        size_megabytes=274,
    ),
    _imagenet(
        "resnet_v1_101_beta_imagenet",
        "resnet_v1_101_2018_05_04.tar.gz",
        ResNetConfig(depth=101, stem="beta"),
        size_megabytes=477,
    ),
)

CHECKPOINTS = (
    *VOC_CHECKPOINTS,
    *CITYSCAPES_CHECKPOINTS,
    *ADE20K_CHECKPOINTS,
    *INITIALISATIONS,
)
