# Licensed under the Apache License, Version 2.0.
"""PASCAL-Context with its 59 most frequent classes, and all else as background."""

from deeplab_tf.data.catalog.dataset_info import DatasetInfo
from deeplab_tf.data.catalog.voc2012 import pascal_colors

# In the order of 59_labels.txt, after the background.
CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "table",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
    "bag",
    "bed",
    "bench",
    "book",
    "building",
    "cabinet",
    "ceiling",
    "cloth",
    "computer",
    "cup",
    "door",
    "fence",
    "floor",
    "flower",
    "food",
    "grass",
    "ground",
    "keyboard",
    "light",
    "mountain",
    "mouse",
    "curtain",
    "platform",
    "sign",
    "plate",
    "road",
    "rock",
    "shelves",
    "sidewalk",
    "sky",
    "snow",
    "bedclothes",
    "track",
    "tree",
    "truck",
    "wall",
    "water",
    "window",
    "wood",
)

PASCAL_CONTEXT = DatasetInfo(
    name="pascal_context",
    classes=CLASSES,
    palette=pascal_colors(len(CLASSES)),
    ignore_label=255,
    splits={"train": 4998, "val": 5105},
    has_background=True,
    source=(
        "R. Mottaghi et al., The Role of Context for Object Detection and Semantic "
        "Segmentation in the Wild, CVPR 2014, "
        "https://cs.stanford.edu/~roozbeh/pascal-context/; images of VOC 2010"
    ),
)
