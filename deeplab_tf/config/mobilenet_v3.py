# Licensed under the Apache License, Version 2.0.
"""Configuration of the MobileNetV3 backbones."""

import dataclasses

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.depth_multiplier import check_depth_multiplier
from deeplab_tf.config.output_stride import check_output_stride
from deeplab_tf.config.pixel_scaling import PixelScaling

# research/deeplab/core/feature_extractor.py: mobilenet_v2_arg_scope, and the default
# epsilon of slim's batch norm. Blocks with hard swish name it themselves.
MOBILENET_V3_STYLE = ConvStyle(norm_momentum=0.997, norm_epsilon=1e-3)

SIZES = ("large", "small")
WIDTHS = ("segmentation", "classification")
GATES = ("q_sigmoid", "hard_sigmoid")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MobileNetV3Config:
    """MobileNetV3 (arXiv:1905.02244) as a feature extractor.

    Attributes:
        size: "large" or "small".
        widths: of the last three blocks and the convolution behind them:
            "classification" is the paper's tables 1 and 2, "segmentation" half of it
            (section 6.4), the `_seg` variants of research/deeplab.
        depth_multiplier: factor on the number of channels of every layer, which are
            then rounded to multiples of 8 at any width.
        output_stride: input size over size of the last features: 8, 16 or 32.
        gate: of squeeze-and-excitation: "q_sigmoid" is slim's rounded hard sigmoid,
            "hard_sigmoid" the exact one.
        early_rates: whether a depthwise convolution that gives up its stride has the
            rate of those behind it, as in torchvision, or keeps the previous one.
        input_scaling: None is the original's, to [-1, 1].
    """

    size: str = "large"
    widths: str = "segmentation"
    depth_multiplier: float = 1.0
    output_stride: int = 16
    gate: str = "q_sigmoid"
    early_rates: bool = False
    input_scaling: PixelScaling | None = None

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"size must be one of {SIZES}, got {self.size!r}.")
        if self.widths not in WIDTHS:
            raise ValueError(f"widths must be one of {WIDTHS}, got {self.widths!r}.")
        if self.gate not in GATES:
            raise ValueError(f"gate must be one of {GATES}, got {self.gate!r}.")
        check_depth_multiplier(self.depth_multiplier)
        check_output_stride(self.output_stride)

    @property
    def variant(self) -> str:
        """The name that upstream gives this network."""
        suffix = "_seg" if self.widths == "segmentation" else ""
        return f"mobilenet_v3_{self.size}{suffix}"

    @property
    def default_style(self) -> ConvStyle:
        """Norm, activation and padding of the original."""
        return MOBILENET_V3_STYLE

    @property
    def padding_pixel(self) -> tuple[float, float, float]:
        """RGB in 0..255 with which images are padded: zero after input scaling."""
        if self.input_scaling is not None:
            return self.input_scaling.mean
        return (127.5, 127.5, 127.5)


VARIANTS = {
    config.variant: config
    for config in (
        MobileNetV3Config(size=size, widths=widths)
        for size in SIZES
        for widths in WIDTHS
    )
}
