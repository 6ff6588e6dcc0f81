# Licensed under the Apache License, Version 2.0.
"""Configuration of prediction and evaluation."""

import dataclasses

from deeplab_tf.config.dense_crf import DenseCRFConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """What surrounds the network when it predicts.

    Attributes:
        crop_size: (height, width) in pixels to which smaller images are padded.
        pad_to_crop: whether they are padded at all. Larger images run whole.
        scales: image scales whose probabilities are averaged.
        flip: whether the probabilities of mirrored images are averaged in.
        batch_size: images per step of an evaluation.
        output_stride: stride of the backbone when it differs from training's; None
            keeps it. Atrous rates change with it.
        upsample_logits: whether logits are resized to the image before the argmax, or
            labels after it, which is faster and shows blocks.
        crf: the fully connected CRF that refines the result, at the size of the
            image; None: none. Validations of a training leave it out.
    """

    crop_size: tuple[int, int] = (513, 513)
    pad_to_crop: bool = True
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    batch_size: int = 1
    output_stride: int | None = None
    upsample_logits: bool = True
    crf: DenseCRFConfig | None = None

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise ValueError(f"scales must be positive, got {self.scales}.")
