# Licensed under the Apache License, Version 2.0.
"""Published recipes for COCO-Stuff, its first 10,000 images and all of them."""

import dataclasses

from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.config.vgg import CAFFE_POOL5
from deeplab_tf.recipes import voc2012_v1_v2 as voc2012

# Ids 0 to 181, of which 11 are in no image.
NUM_CLASSES = 182

DATA_10K = dataclasses.replace(
    voc2012.DATA, dataset="coco_stuff_10k", train_split="train", eval_split="test"
)
DATA_164K = dataclasses.replace(
    voc2012.DATA, dataset="coco_stuff_164k", train_split="train"
)
# Images run whole, as large as they are.
EVALUATION = dataclasses.replace(voc2012.EVALUATION, pad_to_crop=False)

VGG_ASPP_L = dataclasses.replace(
    voc2012.DEEPLAB_V2_VGG_ASPP_L.model, num_classes=NUM_CLASSES
)
# models/deeplab/cocostuff/config/deeplabv2_vgg16 of the data set's authors.
COCO_VGG = dataclasses.replace(
    CAFFE_POOL5,
    input_scaling=PixelScaling(mean=(120.1, 114.1, 104.0), channels="bgr"),
)
DEEPLAB_V2_VGG_ASPP_L_10K = dataclasses.replace(
    voc2012.DEEPLAB_V2_VGG_ASPP_L,
    name="deeplab_v2_vgg_16_aspp_l_coco_stuff_10k",
    source="COCO-Stuff (arXiv:1612.03716v1); github.com/nightrome/cocostuff10k, "
    "README.md and models/deeplab",
    expected="26.9 mean IoU on test, without the CRF",
    model=VGG_ASPP_L,
    data=DATA_10K,
    evaluation=EVALUATION,
)
DEEPLAB_V2_VGG_ASPP_L_164K = dataclasses.replace(
    DEEPLAB_V2_VGG_ASPP_L_10K,
    name="deeplab_v2_vgg_16_aspp_l_coco_stuff_164k",
    source="COCO-Stuff (arXiv:1612.03716); github.com/nightrome/cocostuff, "
    "README.md and models/deeplab: the mean pixel is COCO's",
    expected="33.2 mean IoU on val, without the CRF",
    model=dataclasses.replace(VGG_ASPP_L, backbone=COCO_VGG),
    data=DATA_164K,
    train=dataclasses.replace(
        voc2012.VGG_TRAIN, steps=100000, eval_interval_steps=10000
    ),
)

RESNET_101_MSC = dataclasses.replace(
    voc2012.DEEPLAB_V2_RESNET_MSC.model, num_classes=NUM_CLASSES
)
_KAZUTO1011 = "github.com/kazuto1011/deeplab-pytorch, README.md and configs"
DEEPLAB_V2_RESNET_MSC_10K = dataclasses.replace(
    voc2012.DEEPLAB_V2_RESNET_MSC,
    name="deeplab_v2_resnet_101_msc_coco_stuff_10k",
    source=f"{_KAZUTO1011}/cocostuff10k.yaml; images and labels warped to 513 x 513",
    expected="34.8 mean IoU on test, 35.6 with the CRF, from COCO; 34.4 of the data "
    "set's authors, without the CRF",
    model=RESNET_101_MSC,
    # Sides of 512, to which rounding may lead, become 513.
    data=dataclasses.replace(
        voc2012.SCALED_DATA,
        dataset="coco_stuff_10k",
        train_split="train",
        eval_split="test",
        min_resize_value=513,
        max_resize_value=513,
        resize_factor=8,
        keep_aspect_ratio=False,
    ),
)
DEEPLAB_V2_RESNET_MSC_164K = dataclasses.replace(
    DEEPLAB_V2_RESNET_MSC_10K,
    name="deeplab_v2_resnet_101_msc_coco_stuff_164k",
    source=f"{_KAZUTO1011}/cocostuff164k.yaml",
    expected="39.1 mean IoU on val, 39.7 with the CRF, from COCO",
    data=dataclasses.replace(
        voc2012.SCALED_DATA, dataset="coco_stuff_164k", train_split="train"
    ),
    train=dataclasses.replace(
        voc2012.RESNET_TRAIN, steps=100000, eval_interval_steps=10000
    ),
    evaluation=EVALUATION,
)

RECIPES = (
    DEEPLAB_V2_VGG_ASPP_L_10K,
    DEEPLAB_V2_VGG_ASPP_L_164K,
    DEEPLAB_V2_RESNET_MSC_10K,
    DEEPLAB_V2_RESNET_MSC_164K,
)
