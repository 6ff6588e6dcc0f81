# Licensed under the Apache License, Version 2.0.
"""Cityscapes with its 19 train ids."""

from deeplab_tf.data.catalog.dataset_info import Color, DatasetInfo

# In the order of the train ids.
COLORS: dict[str, Color] = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}

# The label ids of the classes, which the evaluation server expects.
EVALUATION_IDS = (
    *(7, 8, 11, 12, 13, 17, 19, 20, 21, 22),
    *(23, 24, 25, 26, 27, 28, 31, 32, 33),
)

CITYSCAPES = DatasetInfo(
    name="cityscapes",
    classes=tuple(COLORS),
    palette=tuple(COLORS.values()),
    ignore_label=255,
    # research/deeplab once called the fine splits train and val; its documentation
    # and older records still do.
    splits={
        "train": 2975,
        "val": 500,
        "train_fine": 2975,
        "train_coarse": 22973,
        "trainval_fine": 3475,
        "trainval_coarse": 23473,
        "val_fine": 500,
        "test_fine": 1525,
    },
    image_size=(1024, 2048),
    source=(
        "M. Cordts et al., The Cityscapes Dataset for Semantic Urban Scene "
        "Understanding, CVPR 2016, https://www.cityscapes-dataset.com"
    ),
    evaluation_ids=EVALUATION_IDS,
)
