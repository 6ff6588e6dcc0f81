# Licensed under the Apache License, Version 2.0.
"""Configuration of the ResNet-v1 backbones."""

import dataclasses

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.output_stride import check_output_stride

# research/deeplab/core/feature_extractor.py: extract_features.
RESNET_STYLE = ConvStyle(norm_momentum=0.95, norm_epsilon=1e-5, padding="explicit")

STEMS = ("plain", "beta")

# Layers -> residual units of block1 to block4 (arXiv:1512.03385, table 1).
UNITS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}

# research/deeplab/core/feature_extractor.py: _MEAN_RGB.
MEAN_RGB = (123.15, 115.90, 103.06)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """ResNet-v1 (arXiv:1512.03385) as a feature extractor.

    Attributes:
        depth: number of layers: 18 (two 3x3 convolutions a unit), 50 or 101
            (bottlenecks).
        stem: "plain" starts with one 7x7 convolution, "beta" with three 3x3 ones.
        output_stride: input size over size of the last features: 8, 16 or 32.
        multi_grid: factor on the rate of each unit of block4 (DeepLabv3,
            arXiv:1706.05587, section 3.2.1); () is 1 for all of them.
    """

    depth: int = 50
    stem: str = "plain"
    output_stride: int = 16
    multi_grid: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.depth not in UNITS:
            raise ValueError(
                f"depth must be one of {', '.join(map(str, UNITS))}, got {self.depth}."
            )
        if self.stem not in STEMS:
            raise ValueError(f"stem must be one of {STEMS}, got {self.stem!r}.")
        check_output_stride(self.output_stride)
        units = UNITS[self.depth][-1]
        if self.multi_grid and len(self.multi_grid) != units:
            raise ValueError(
                f"multi_grid of {self.variant} must have {units} rates, one for each "
                f"unit of block4, got {self.multi_grid}."
            )

    @property
    def variant(self) -> str:
        """The name that upstream gives this network."""
        return f"resnet_v1_{self.depth}{'_beta' if self.stem == 'beta' else ''}"

    @property
    def default_style(self) -> ConvStyle:
        """Norm, activation and padding of the original."""
        return RESNET_STYLE

    @property
    def padding_pixel(self) -> tuple[float, float, float]:
        """RGB in 0..255 with which images are padded."""
        # The original pads for resnet_v1_18 with another colour than the mean that
        # the network subtracts: core/feature_extractor.py, mean_pixel.
        if self.stem == "plain" and self.depth != 18:
            return MEAN_RGB
        return (127.5, 127.5, 127.5)


VARIANTS = {
    config.variant: config
    for config in (
        ResNetConfig(depth=depth, stem=stem) for depth in UNITS for stem in STEMS
    )
}
