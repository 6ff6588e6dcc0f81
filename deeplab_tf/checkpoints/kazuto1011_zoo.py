# Licensed under the Apache License, Version 2.0.
"""The checkpoints of kazuto1011/deeplab-pytorch: DeepLabv2 on ResNet-101.

No checksum of any of them is published. Their networks see three scales and take the
maximum: the scores are of that, at one size of the image.
"""

import dataclasses

from deeplab_tf.checkpoints.published_checkpoint import (
    TORCH,
    PublishedCheckpoint,
    Score,
)
from deeplab_tf.config.kazuto1011 import KAZUTO1011

SOURCE = "kazuto1011/deeplab-pytorch, README.md"
_HOST = "https://github.com/kazuto1011/deeplab-pytorch/releases/download/v1.0/"
_MODEL = KAZUTO1011["DeepLabV2_ResNet101_MSC"]
_CLASSES_OF_COCO_STUFF = "182 outputs, of which 171 are labelled"


def _deeplab_v2(
    name: str,
    *,
    trained_on: str,
    dataset: str,
    num_classes: int,
    split: str,
    miou: float,
    miou_with_crf: float,
    note: str = "",
) -> PublishedCheckpoint:
    score = Score(percent=miou, split=split, output_stride=8)
    return PublishedCheckpoint(
        name=f"kazuto1011_deeplabv2_resnet101_{name.partition('-')[0]}",
        urls=(f"{_HOST}deeplabv2_resnet101_msc-{name}.pth",),
        format=TORCH,
        trained_on=("ImageNet", "COCO", trained_on),
        dataset=dataset,
        num_classes=num_classes,
        ignore_label=255,
        model=dataclasses.replace(_MODEL, num_classes=num_classes),
        recipe=f"deeplab_v2_resnet_101_msc_{dataset}",
        scores=(
            score,
            dataclasses.replace(score, percent=miou_with_crf, crf=True),
        ),
        source=SOURCE,
        note=note,
    )


CHECKPOINTS = (
    _deeplab_v2(
        "vocaug-20000",
        trained_on="VOC 2012 train_aug",
        dataset="voc2012",
        num_classes=21,
        split="val",
        miou=76.65,
        miou_with_crf=77.93,
    ),
    _deeplab_v2(
        "cocostuff10k-20000",
        trained_on="COCO-Stuff 10k train",
        dataset="coco_stuff_10k",
        num_classes=182,
        split="COCO-Stuff 10k test",
        miou=34.8,
        miou_with_crf=35.6,
        note=f"{_CLASSES_OF_COCO_STUFF}; images and labels were resized to "
        "513 x 513; the README says val.",
    ),
    _deeplab_v2(
        "cocostuff164k-100000",
        trained_on="COCO-Stuff 164k train",
        dataset="coco_stuff_164k",
        num_classes=182,
        split="COCO-Stuff 164k val",
        miou=39.1,
        miou_with_crf=39.7,
        note=f"{_CLASSES_OF_COCO_STUFF}.",
    ),
)
