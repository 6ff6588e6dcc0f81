# Licensed under the Apache License, Version 2.0.
"""Configuration of the MobileNet-EdgeTPU backbone."""

import dataclasses

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.depth_multiplier import check_depth_multiplier
from deeplab_tf.config.output_stride import check_output_stride
from deeplab_tf.config.pixel_scaling import PixelScaling

# research/deeplab/core/feature_extractor.py: mobilenet_v2_arg_scope, with the
# activation of slim's V3_EDGETPU.
EDGETPU_STYLE = ConvStyle(norm_momentum=0.997, norm_epsilon=1e-3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MobileNetEdgeTPUConfig:
    """MobileNet-EdgeTPU (slim's V3_EDGETPU) as a feature extractor.

    Attributes:
        depth_multiplier: factor on the number of channels of every layer, which are
            then rounded to multiples of 8; published are 1.0 and 0.75.
        full_width_features: whether the last convolution has 1280 channels at any
            depth multiplier, as slim's classifiers have; in research/deeplab it has
            not.
        output_stride: input size over size of the last features: 8, 16 or 32.
        input_scaling: None is the original's, to [-1, 1].
    """

    depth_multiplier: float = 1.0
    full_width_features: bool = False
    output_stride: int = 16
    input_scaling: PixelScaling | None = None

    def __post_init__(self) -> None:
        check_depth_multiplier(self.depth_multiplier)
        check_output_stride(self.output_stride)

    @property
    def variant(self) -> str:
        """The name that upstream gives this network."""
        return "mobilenet_edgetpu"

    @property
    def default_style(self) -> ConvStyle:
        """Norm, activation and padding of the original."""
        return EDGETPU_STYLE

    @property
    def padding_pixel(self) -> tuple[float, float, float]:
        """RGB in 0..255 with which images are padded: zero after input scaling."""
        if self.input_scaling is not None:
            return self.input_scaling.mean
        return (127.5, 127.5, 127.5)


VARIANTS = {"mobilenet_edgetpu": MobileNetEdgeTPUConfig()}
