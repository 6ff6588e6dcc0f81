# Licensed under the Apache License, Version 2.0.
"""Configuration of the Xception backbone."""

import dataclasses

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.output_stride import check_output_stride

# research/deeplab/core/feature_extractor.py: extract_features.
XCEPTION_STYLE = ConvStyle(norm_momentum=0.9997, norm_epsilon=1e-3, padding="explicit")
# core/xception.py, xception_arg_scope: with use_bounded_activation.
BOUNDED_XCEPTION_STYLE = dataclasses.replace(
    XCEPTION_STYLE, activation="relu6", padding="same"
)

DEPTHS = (41, 65, 71)
# Separable convolutions of the last block.
MULTI_GRID_LENGTH = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class XceptionConfig:
    """The Xception of DeepLabv3+ (arXiv:1802.02611, section 3.2).

    Attributes:
        depth: number of layers, which names the variant: 41, 65 or 71.
        output_stride: input size over size of the last features: 8, 16 or 32.
        multi_grid: factor on the rate of each separable convolution of
            exit_flow/block2; () is 1 for all of them.
    """

    depth: int = 65
    output_stride: int = 16
    multi_grid: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.depth not in DEPTHS:
            raise ValueError(
                f"depth must be one of {', '.join(map(str, DEPTHS))}, got {self.depth}."
            )
        check_output_stride(self.output_stride)
        if self.multi_grid and len(self.multi_grid) != MULTI_GRID_LENGTH:
            raise ValueError(
                f"multi_grid of {self.variant} must have {MULTI_GRID_LENGTH} rates, "
                f"one for each separable convolution of exit_flow/block2, got "
                f"{self.multi_grid}."
            )

    @property
    def variant(self) -> str:
        """The name that upstream gives this network."""
        return f"xception_{self.depth}"

    @property
    def default_style(self) -> ConvStyle:
        """Norm, activation and padding of the original."""
        return XCEPTION_STYLE

    @property
    def padding_pixel(self) -> tuple[float, float, float]:
        """RGB in 0..255 with which images are padded: zero after input scaling."""
        return (127.5, 127.5, 127.5)


VARIANTS = {
    config.variant: config for config in (XceptionConfig(depth=d) for d in DEPTHS)
}
