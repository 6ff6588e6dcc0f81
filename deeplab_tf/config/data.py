# Licensed under the Apache License, Version 2.0.
"""Configuration of what reaches a network: data set, splits and augmentation."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where examples come from and how training changes them.

    Attributes:
        dataset: name in `deeplab_tf.data.catalog`; `dataset.json` beside the records
            says more than the catalogue where it exists.
        train_split: split that is trained on.
        eval_split: split that is evaluated.
        crop_size: (height, width) of a training crop in pixels.
        min_resize_value: the shorter side is resized to it first; None: no resizing.
        max_resize_value: the longer side may not pass it.
        resize_factor: resized sides are a multiple of it plus one.
        keep_aspect_ratio: whether resizing keeps the ratio of the sides.
        min_scale_factor: smallest random scale.
        max_scale_factor: largest random scale.
        scale_factor_step_size: distance of the random scales; 0 draws evenly.
        flip_probability: probability of a left-right flip.
    """

    dataset: str = "voc2012"
    train_split: str = "train"
    eval_split: str = "val"
    crop_size: tuple[int, int] = (513, 513)
    min_resize_value: int | None = None
    max_resize_value: int | None = None
    resize_factor: int | None = None
    keep_aspect_ratio: bool = True
    min_scale_factor: float = 0.5
    max_scale_factor: float = 2.0
    scale_factor_step_size: float = 0.25
    flip_probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.min_scale_factor <= self.max_scale_factor:
            raise ValueError(
                f"Scale factors must satisfy 0 < min <= max, got "
                f"{self.min_scale_factor} and {self.max_scale_factor}."
            )
        if self.scale_factor_step_size < 0:
            raise ValueError(
                f"scale_factor_step_size must not be negative, got "
                f"{self.scale_factor_step_size}."
            )
        if not 0 <= self.flip_probability <= 1:
            raise ValueError(
                f"flip_probability must lie in [0, 1], got {self.flip_probability}."
            )
        if self.min_resize_value is None and (
            self.max_resize_value is not None or self.resize_factor is not None
        ):
            raise ValueError(
                "max_resize_value and resize_factor bound the resizing to "
                "min_resize_value: set that too."
            )
        if min(self.crop_size) < 1:
            raise ValueError(f"crop_size must be positive, got {self.crop_size}.")
