# Licensed under the Apache License, Version 2.0.
"""Configuration of the ResNet-v1 backbones."""

import dataclasses

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.output_stride import check_output_stride
from deeplab_tf.config.pixel_scaling import PixelScaling

# research/deeplab/core/feature_extractor.py: extract_features.
RESNET_STYLE = ConvStyle(norm_momentum=0.95, norm_epsilon=1e-5, padding="explicit")

STEMS = ("plain", "beta")
STRIDE_PLACES = ("last_unit", "first_unit", "first_conv")
POOL_PADDINGS = ("same", "explicit", "ceil")

# Layers -> residual units of block1 to block4 (arXiv:1512.03385, table 1).
UNITS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
# Depths whose units have two 3x3 convolutions; the others are bottlenecks.
BASIC_DEPTHS = (18, 34)
# Depths that research/deeplab has.
OFFICIAL_DEPTHS = (18, 50, 101)

# research/deeplab/core/feature_extractor.py: _MEAN_RGB.
MEAN_RGB = (123.15, 115.90, 103.06)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """ResNet-v1 (arXiv:1512.03385) as a feature extractor.

    Attributes:
        depth: number of layers: 18 or 34 (two 3x3 convolutions a unit), 50, 101 or
            152 (bottlenecks).
        stem: "plain" starts with one 7x7 convolution, "beta" with three 3x3 ones.
        output_stride: input size over size of the last features: 8, 16 or 32.
        multi_grid: factor on the rate of each unit of block4 (DeepLabv3,
            arXiv:1706.05587, section 3.2.1); () is 1 for all of them.
        stride_place: "last_unit": the last 3x3 convolution of block1 to block3, as in
            slim; "first_unit": the first 3x3 convolution of block2 to block4, as in
            torchvision; "first_conv": the 1x1 convolution before that, as in Caffe.
            Where a stride is a rate instead, that very convolution keeps the previous
            rate.
        pool_padding: of the max pooling behind the stem: "same" is TensorFlow's;
            "explicit" is one pixel at all sides, as in PyTorch; "ceil" has another
            row and column at sides that are even there, as in Caffe.
        input_scaling: None is the original's: to [-1, 1] for the beta stem, less the
            mean for the plain one.
    """

    depth: int = 50
    stem: str = "plain"
    output_stride: int = 16
    multi_grid: tuple[int, ...] = ()
    stride_place: str = "last_unit"
    pool_padding: str = "same"
    input_scaling: PixelScaling | None = None

    def __post_init__(self) -> None:
        if self.depth not in UNITS:
            raise ValueError(
                f"depth must be one of {', '.join(map(str, UNITS))}, got {self.depth}."
            )
        if self.stem not in STEMS:
            raise ValueError(f"stem must be one of {STEMS}, got {self.stem!r}.")
        if self.stem == "beta" and self.depth not in OFFICIAL_DEPTHS:
            raise ValueError(
                f"The beta stem is known for the depths "
                f"{', '.join(map(str, OFFICIAL_DEPTHS))}, got {self.depth}."
            )
        if self.pool_padding not in POOL_PADDINGS:
            raise ValueError(
                f"pool_padding must be one of {POOL_PADDINGS}, got "
                f"{self.pool_padding!r}."
            )
        self._check_stride_place()
        check_output_stride(self.output_stride)
        units = UNITS[self.depth][-1]
        if self.multi_grid and len(self.multi_grid) != units:
            raise ValueError(
                f"multi_grid of {self.variant} must have {units} rates, one for each "
                f"unit of block4, got {self.multi_grid}."
            )

    def _check_stride_place(self) -> None:
        if self.stride_place not in STRIDE_PLACES:
            raise ValueError(
                f"stride_place must be one of {STRIDE_PLACES}, got "
                f"{self.stride_place!r}."
            )
        if self.stride_place == "first_conv" and self.is_basic:
            raise ValueError(
                f"stride_place 'first_conv' is the 1x1 convolution of a bottleneck, "
                f"which depth {self.depth} does not have: use 'first_unit'."
            )

    @property
    def is_basic(self) -> bool:
        """Whether units have two 3x3 convolutions instead of a bottleneck."""
        return self.depth in BASIC_DEPTHS

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
        if self.input_scaling is not None:
            return self.input_scaling.mean
        # The original pads for resnet_v1_18 with another colour than the mean that
        # the network subtracts: core/feature_extractor.py, mean_pixel.
        if self.stem == "plain" and self.depth != 18:
            return MEAN_RGB
        return (127.5, 127.5, 127.5)


VARIANTS = {
    config.variant: config
    for config in (
        ResNetConfig(depth=depth, stem=stem)
        for depth in OFFICIAL_DEPTHS
        for stem in STEMS
    )
}
