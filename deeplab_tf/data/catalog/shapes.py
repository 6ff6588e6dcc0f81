# Licensed under the Apache License, Version 2.0.
"""Shapes, the data set that `deeplab_tf.data.shapes` draws."""

from deeplab_tf.data.catalog.dataset_info import Color, DatasetInfo

COLORS: dict[str, Color] = {
    "background": (0, 0, 0),
    "disc": (230, 80, 60),
    "square": (70, 140, 230),
    "triangle": (90, 190, 90),
    "ring": (240, 190, 40),
    "line": (180, 90, 220),
}

SHAPES = DatasetInfo(
    name="shapes",
    classes=tuple(COLORS),
    palette=tuple(COLORS.values()),
    ignore_label=255,
    splits={"train": 1200, "val": 200},
    has_background=True,
    image_size=(97, 97),
    source="Drawn by deeplab_tf.data.shapes; no download.",
)
