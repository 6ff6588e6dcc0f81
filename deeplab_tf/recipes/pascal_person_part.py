# Licensed under the Apache License, Version 2.0.
"""Published recipes for PASCAL-Person-Part."""

import dataclasses

from deeplab_tf.recipes import voc2012_v1_v2 as voc2012

DEEPLAB_V2_RESNET_MSC = dataclasses.replace(
    voc2012.DEEPLAB_V2_RESNET_MSC,
    name="deeplab_v2_resnet_101_msc_pascal_person_part",
    source="DeepLabv2 (arXiv:1606.00915), section 4.3 and table 7; training of "
    "kazuto1011/deeplab-pytorch. Assumed: crop, batch, steps and learning rate of "
    "VOC 2012",
    expected="no figure of the original authors at hand for ASPP; ResNet-101 without "
    "it has 58.9 mean IoU on val, 63.1 with three scales and 1.3 more from COCO",
    model=dataclasses.replace(voc2012.DEEPLAB_V2_RESNET_MSC.model, num_classes=7),
    data=dataclasses.replace(
        voc2012.SCALED_DATA, dataset="pascal_person_part", train_split="train"
    ),
)

RECIPES = (DEEPLAB_V2_RESNET_MSC,)
