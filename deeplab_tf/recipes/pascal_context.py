# Licensed under the Apache License, Version 2.0.
"""Published recipes for PASCAL-Context."""

import dataclasses

from deeplab_tf.recipes import voc2012_v1_v2 as voc2012

ASSUMED = "Assumed: crop, batch, steps and learning rate of VOC 2012"

DEEPLAB_V2_VGG_LARGE_FOV = dataclasses.replace(
    voc2012.DEEPLAB_V2_VGG_LARGE_FOV,
    name="deeplab_v2_vgg_16_large_fov_pascal_context",
    source=f"DeepLabv2 (arXiv:1606.00915), section 4.2 and table 6. {ASSUMED}",
    expected="37.6 mean IoU on val, 39.6 with the CRF",
    model=dataclasses.replace(voc2012.DEEPLAB_V2_VGG_LARGE_FOV.model, num_classes=60),
    data=dataclasses.replace(
        voc2012.DATA, dataset="pascal_context", train_split="train"
    ),
)
DEEPLAB_V2_RESNET_MSC = dataclasses.replace(
    voc2012.DEEPLAB_V2_RESNET_MSC,
    name="deeplab_v2_resnet_101_msc_pascal_context",
    source="DeepLabv2 (arXiv:1606.00915), section 4.2 and table 6; training of "
    f"kazuto1011/deeplab-pytorch. {ASSUMED}",
    expected="45.7 mean IoU on val with the CRF, from COCO",
    model=dataclasses.replace(voc2012.DEEPLAB_V2_RESNET_MSC.model, num_classes=60),
    data=dataclasses.replace(
        voc2012.SCALED_DATA, dataset="pascal_context", train_split="train"
    ),
)

RECIPES = (DEEPLAB_V2_VGG_LARGE_FOV, DEEPLAB_V2_RESNET_MSC)
