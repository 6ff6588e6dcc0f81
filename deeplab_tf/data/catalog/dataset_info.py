# Licensed under the Apache License, Version 2.0.
"""What is known about a data set before any of its files is read."""

import dataclasses
import types
from collections.abc import Mapping

Color = tuple[int, int, int]

MAX_LABEL = 255  # Records store labels as 8-bit PNG.


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """Classes, colours, ignore label and splits of a data set.

    Attributes:
        name: the name in the catalogue.
        classes: names in the order of their ids, the background included.
        palette: one RGB colour in 0..255 per class.
        ignore_label: id of pixels that neither loss nor scores look at. It may be one
            of the classes, as in ADE20K.
        splits: number of examples per split.
        has_background: whether class 0 is everything that is no other class.
        image_size: (height, width) where all images have the same size.
        source: where the data set is published and who made it.
        evaluation_ids: id of each class on the data set's evaluation server, where
            that is another; else ().
    """

    name: str
    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    ignore_label: int
    splits: Mapping[str, int]
    has_background: bool = False
    image_size: tuple[int, int] | None = None
    source: str = ""
    evaluation_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise ValueError(
                f"Data set {self.name!r} must have at least 2 classes, "
                f"got {len(self.classes)}."
            )
        if len(self.palette) != len(self.classes):
            raise ValueError(
                f"Data set {self.name!r} must have one colour per class, got "
                f"{len(self.palette)} colours for {len(self.classes)} classes."
            )
        if self.evaluation_ids and len(self.evaluation_ids) != len(self.classes):
            raise ValueError(
                f"Data set {self.name!r} must have one evaluation id per class, got "
                f"{len(self.evaluation_ids)} for {len(self.classes)} classes."
            )
        if not 0 <= self.ignore_label <= MAX_LABEL:
            raise ValueError(
                f"ignore_label must lie in 0..{MAX_LABEL}, got {self.ignore_label}."
            )
        # A copy that cannot be changed: the dataclass is frozen throughout.
        splits = types.MappingProxyType(dict(self.splits))
        object.__setattr__(self, "splits", splits)

    @property
    def num_classes(self) -> int:
        """Number of classes, the background included."""
        return len(self.classes)
