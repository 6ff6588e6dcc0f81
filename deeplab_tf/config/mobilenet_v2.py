# Licensed under the Apache License, Version 2.0.
"""Configuration of the MobileNetV2 backbone."""

import dataclasses

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.depth_multiplier import check_depth_multiplier
from deeplab_tf.config.output_stride import check_output_stride
from deeplab_tf.config.pixel_scaling import PixelScaling

# slim's training_scope and its batch norm's default epsilon.
MOBILENET_STYLE = ConvStyle(norm_momentum=0.997, norm_epsilon=1e-3, activation="relu6")

PADDING_PLACES = ("convolution", "block")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MobileNetV2Config:
    """MobileNetV2 (arXiv:1801.04381) as a feature extractor.

    Attributes:
        depth_multiplier: factor on the number of channels of every layer.
        divisible_by: channels are rounded to a multiple of it; None is 8 at a depth
            multiplier of 1 and 1 otherwise, as in research/deeplab.
        output_stride: input size over size of the last features: 8, 16 or 32.
        padding_place: what pads: "convolution": each for itself, as the style says;
            "block": an inverted residual pads its input, so that zeros pass through
            the expansion and its norm, and the first convolution does not pad at all,
            as in VainF/DeepLabV3Plus-Pytorch.
        input_scaling: None is the original's, to [-1, 1].
    """

    depth_multiplier: float = 1.0
    divisible_by: int | None = None
    output_stride: int = 16
    padding_place: str = "convolution"
    input_scaling: PixelScaling | None = None

    def __post_init__(self) -> None:
        check_output_stride(self.output_stride)
        check_depth_multiplier(self.depth_multiplier)
        if self.padding_place not in PADDING_PLACES:
            raise ValueError(
                f"padding_place must be one of {PADDING_PLACES}, got "
                f"{self.padding_place!r}."
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
        if self.input_scaling is not None:
            return self.input_scaling.mean
        return (127.5, 127.5, 127.5)


VARIANTS = {"mobilenet_v2": MobileNetV2Config()}
