# Licensed under the Apache License, Version 2.0.
"""PASCAL-Person-Part: six parts of people in images of VOC 2010."""

from deeplab_tf.data.catalog.dataset_info import DatasetInfo
from deeplab_tf.data.catalog.voc2012 import pascal_colors

CLASSES = (
    "background",
    "head",
    "torso",
    "upper arms",
    "lower arms",
    "upper legs",
    "lower legs",
)

PASCAL_PERSON_PART = DatasetInfo(
    name="pascal_person_part",
    classes=CLASSES,
    palette=pascal_colors(len(CLASSES)),
    ignore_label=255,
    # Papers call val their test set.
    splits={"train": 1716, "val": 1817},
    has_background=True,
    source=(
        "X. Chen et al., Detect What You Can: Detecting and Representing Objects using "
        "Holistic Models and Body Parts, CVPR 2014; merged into six parts in L.-C. "
        "Chen et al., Attention to Scale, CVPR 2016, "
        "http://liangchiehchen.com/projects/DeepLab.html"
    ),
)
