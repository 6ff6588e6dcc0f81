# Licensed under the Apache License, Version 2.0.
"""The data sets that are known by name: one file each."""

from deeplab_tf.data.catalog.ade20k import ADE20K
from deeplab_tf.data.catalog.camvid import CAMVID
from deeplab_tf.data.catalog.cityscapes import CITYSCAPES
from deeplab_tf.data.catalog.coco_stuff import COCO_STUFF_10K, COCO_STUFF_164K
from deeplab_tf.data.catalog.dataset_info import DatasetInfo
from deeplab_tf.data.catalog.pascal_context import PASCAL_CONTEXT
from deeplab_tf.data.catalog.pascal_person_part import PASCAL_PERSON_PART
from deeplab_tf.data.catalog.shapes import SHAPES
from deeplab_tf.data.catalog.voc2012 import VOC2012

DATASETS = {
    info.name: info
    for info in (
        VOC2012,
        CITYSCAPES,
        ADE20K,
        CAMVID,
        PASCAL_CONTEXT,
        PASCAL_PERSON_PART,
        COCO_STUFF_10K,
        COCO_STUFF_164K,
        SHAPES,
    )
}

# Other names of the same data sets; the first is that of research/deeplab.
ALIASES = {"pascal_voc_seg": "voc2012", "voc": "voc2012"}


def get_dataset_info(name: str) -> DatasetInfo:
    """Returns the catalogue's entry for a name or an alias.

    Raises:
        ValueError: no data set has that name; the message lists those there are.
    """
    info = DATASETS.get(ALIASES.get(name, name))
    if info is None:
        raise ValueError(
            f"Unknown data set {name!r}; known are {', '.join(DATASETS)} and the "
            f"other names {', '.join(ALIASES)}. One of your own is described by the "
            "dataset.json beside its records: give their folder (--dataset_dir)."
        )
    return info
