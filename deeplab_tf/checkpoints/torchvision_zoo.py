# Licensed under the Apache License, Version 2.0.
"""The checkpoints of torchvision that fit the networks here.

The name of a file ends with the first eight digits of its SHA-256.
"""

from deeplab_tf.checkpoints.published_checkpoint import (
    TORCH,
    PublishedCheckpoint,
    Score,
)
from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.torchvision import (
    TORCH_MOBILENET_V3_STYLE,
    TORCH_RELU6_STYLE,
    TORCH_STYLE,
    TORCHVISION,
    torch_mobilenet_v2,
    torch_mobilenet_v3,
    torch_resnet,
)

SOURCE = "torchvision, models/{}.py"
_STYLES = {
    "resnet": TORCH_STYLE,
    "mobilenetv2": TORCH_RELU6_STYLE,
    "mobilenetv3": TORCH_MOBILENET_V3_STYLE,
}
_HOST = "https://download.pytorch.org/models/"


def _segmentation(
    name: str,
    file: str,
    *,
    model: DeepLabV3Config,
    size_megabytes: float,
    miou: float,
    accuracy: float,
) -> PublishedCheckpoint:
    split = "COCO val2017 with the classes of VOC"
    return PublishedCheckpoint(
        name=f"torchvision_{name}",
        urls=(_HOST + file,),
        format=TORCH,
        trained_on=("ImageNet", "COCO train2017 with the classes of VOC"),
        dataset="voc2012",
        num_classes=21,
        ignore_label=255,
        model=model,
        scores=(
            Score(percent=miou, split=split),
            Score(percent=accuracy, metric="pixel accuracy", split=split),
        ),
        source=SOURCE.format("segmentation/deeplabv3"),
        size_megabytes=size_megabytes,
        sha256_prefix=_digits(file),
    )


def _classifier(
    name: str,
    file: str,
    *,
    module: str,
    backbone: BackboneConfig,
    size_megabytes: float,
    accuracy: float,
) -> PublishedCheckpoint:
    return PublishedCheckpoint(
        name=f"torchvision_{name}",
        urls=(_HOST + file,),
        format=TORCH,
        trained_on=("ImageNet",),
        num_classes=1000,
        backbone=backbone,
        backbone_style=_STYLES[module],
        scores=(
            Score(percent=accuracy, metric="top-1 accuracy", split="ImageNet val"),
        ),
        source=SOURCE.format(module),
        size_megabytes=size_megabytes,
        sha256_prefix=_digits(file),
    )


def _digits(file: str) -> str:
    return file.removesuffix(".pth").rpartition("-")[2]


SEGMENTATION = (
    _segmentation(
        "deeplabv3_resnet50",
        "deeplabv3_resnet50_coco-cd0a2569.pth",
        model=TORCHVISION["deeplabv3_resnet50"],
        size_megabytes=160.515,
        miou=66.4,
        accuracy=92.4,
    ),
    _segmentation(
        "deeplabv3_resnet101",
        "deeplabv3_resnet101_coco-586e9e4e.pth",
        model=TORCHVISION["deeplabv3_resnet101"],
        size_megabytes=233.217,
        miou=67.4,
        accuracy=92.4,
    ),
    _segmentation(
        "deeplabv3_mobilenet_v3_large",
        "deeplabv3_mobilenet_v3_large-fc3c493d.pth",
        model=TORCHVISION["deeplabv3_mobilenet_v3_large"],
        size_megabytes=42.301,
        miou=60.3,
        accuracy=91.2,
    ),
)

CLASSIFIERS = (
    _classifier(
        "resnet18_v1",
        "resnet18-f37072fd.pth",
        module="resnet",
        backbone=torch_resnet(18, output_stride=16),
        size_megabytes=44.661,
        accuracy=69.758,
    ),
    _classifier(
        "resnet50_v1",
        "resnet50-0676ba61.pth",
        module="resnet",
        backbone=torch_resnet(50, output_stride=16),
        size_megabytes=97.781,
        accuracy=76.130,
    ),
    _classifier(
        "resnet50_v2",
        "resnet50-11ad3fa6.pth",
        module="resnet",
        backbone=torch_resnet(50, output_stride=16),
        size_megabytes=97.79,
        accuracy=80.858,
    ),
    _classifier(
        "resnet101_v1",
        "resnet101-63fe2227.pth",
        module="resnet",
        backbone=torch_resnet(101, output_stride=16),
        size_megabytes=170.511,
        accuracy=77.374,
    ),
    _classifier(
        "resnet101_v2",
        "resnet101-cd907fc2.pth",
        module="resnet",
        backbone=torch_resnet(101, output_stride=16),
        size_megabytes=170.53,
        accuracy=81.886,
    ),
    _classifier(
        "mobilenet_v2_v1",
        "mobilenet_v2-b0353104.pth",
        module="mobilenetv2",
        backbone=torch_mobilenet_v2(output_stride=16),
        size_megabytes=13.555,
        accuracy=71.878,
    ),
    _classifier(
        "mobilenet_v2_v2",
        "mobilenet_v2-7ebf99e0.pth",
        module="mobilenetv2",
        backbone=torch_mobilenet_v2(output_stride=16),
        size_megabytes=13.598,
        accuracy=72.154,
    ),
    _classifier(
        "mobilenet_v3_large_v1",
        "mobilenet_v3_large-8738ca79.pth",
        module="mobilenetv3",
        backbone=torch_mobilenet_v3("large", output_stride=16),
        size_megabytes=21.114,
        accuracy=74.042,
    ),
    _classifier(
        "mobilenet_v3_large_v2",
        "mobilenet_v3_large-5c1a4163.pth",
        module="mobilenetv3",
        backbone=torch_mobilenet_v3("large", output_stride=16),
        size_megabytes=21.107,
        accuracy=75.274,
    ),
    _classifier(
        "mobilenet_v3_small_v1",
        "mobilenet_v3_small-047dcff4.pth",
        module="mobilenetv3",
        backbone=torch_mobilenet_v3("small", output_stride=16),
        size_megabytes=9.829,
        accuracy=67.668,
    ),
)

CHECKPOINTS = (*SEGMENTATION, *CLASSIFIERS)
