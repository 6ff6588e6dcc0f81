# Licensed under the Apache License, Version 2.0.
"""Configuration of the MobileNetV2 backbone."""

import dataclasses

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.output_stride import check_output_stride

# slim's training_scope and its batch norm's default epsilon.
MOBILENET_STYLE = ConvStyle(norm_momentum=0.997, norm_epsilon=1e-3, activation="relu6")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MobileNetV2Config:
    """MobileNetV2 (arXiv:1801.04381) as a feature extractor.

    Attributes:
        depth_multiplier: factor on the number of channels of every layer.
        divisible_by: channels are rounded to a multiple of it; None is 8 at a depth
            multiplier of 1 and 1 otherwise, as in research/deeplab.
        output_stride: input size over size of the last features: 8, 16 or 32.
    """

    depth_multiplier: float = 1.0
    divisible_by: int | None = None
    output_stride: int = 16

    def __post_init__(self) -> None:
        check_output_stride(self.output_stride)
        if self.depth_multiplier <= 0:
            raise ValueError(
                f"depth_multiplier must be positive, got {self.depth_multiplier}."
            )
        if self.divisible_by is not None and self.divisible_by < 1:
            raise ValueError(
                f"divisible_by must be at least 1, got {self.divisible_by}."
            )

    @property
    def variant(self) -> str:
        """The name that upstream gives this network."""
        return "mobilenet_v2"

    @property
    def default_style(self) -> ConvStyle:
        """Norm, activation and padding of the original."""
        return MOBILENET_STYLE

    @property
    def padding_pixel(self) -> tuple[float, float, float]:
        """RGB in 0..255 with which images are padded: zero after input scaling."""
        return (127.5, 127.5, 127.5)


VARIANTS = {"mobilenet_v2": MobileNetV2Config()}
