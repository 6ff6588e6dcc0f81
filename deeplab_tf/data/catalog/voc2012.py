# Licensed under the Apache License, Version 2.0.
"""PASCAL VOC 2012 segmentation, with the annotations of SBD as train_aug."""

from deeplab_tf.data.catalog.dataset_info import Color, DatasetInfo


def pascal_color(label: int) -> Color:
    """Returns the colour of the VOC devkit for a label.

    Bits 0, 1 and 2 of the label become the highest free bits of red, green and blue,
    and so on with the next three bits.
    """
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            bit = (label >> (3 * place + channel)) & 1
            channels[channel] |= bit << (7 - place)
    return (channels[0], channels[1], channels[2])


def pascal_colors(count: int) -> tuple[Color, ...]:
    """Returns the colours of the VOC devkit for the labels from 0 on."""
    return tuple(pascal_color(label) for label in range(count))


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
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)

VOC2012 = DatasetInfo(
    name="voc2012",
    classes=CLASSES,
    palette=pascal_colors(len(CLASSES)),
    ignore_label=255,
    splits={"train": 1464, "train_aug": 10582, "trainval": 2913, "val": 1449},
    has_background=True,
    source=(
        "M. Everingham et al., The PASCAL Visual Object Classes Challenge 2012, "
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/; train_aug: B. Hariharan et "
        "al., Semantic Contours from Inverse Detectors, ICCV 2011"
    ),
)
