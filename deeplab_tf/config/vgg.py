# Licensed under the Apache License, Version 2.0.
"""Configuration of the VGG-16 backbone."""

import dataclasses

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.output_stride import check_output_stride
from deeplab_tf.config.pixel_scaling import CAFFE_SCALING, PixelScaling

# There is no batch norm: of a style, VGG has the activation alone.
VGG_STYLE = ConvStyle(activation="relu")

# slim's preprocessing/vgg_preprocessing.py: _R_MEAN, _G_MEAN and _B_MEAN.
MEAN_RGB = (123.68, 116.779, 103.939)

PADDINGS = ("same", "valid", "ceil")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VGGConfig:
    """VGG-16 (arXiv:1409.1556, configuration D) as a feature extractor.

    The defaults end at pool5. With `fc_channels` fc6 and fc7 follow as convolutions:
    4096 channels with `padding="valid"` at output stride 32 are slim's classifier;
    1024 channels with `fc6_kernel_size=3` and `fc6_rate=12` at output stride 8 are
    DeepLab's: `LARGE_FOV` below.

    Attributes:
        output_stride: input size over size of the last features: 8, 16 or 32. Pools
            beyond it have stride 1.
        pool_size: side of the pools: 2 in VGG, 3 in DeepLab v1 (arXiv:1412.7062).
        atrous_pooling: whether a pool behind another one whose stride was taken
            samples at a rate, as convolutions do, so that features are those of the
            strided network; DeepLab v1's does not.
        padding: of the pools and of fc6: "same" is TensorFlow's; "valid" is that of
            slim's classifier, whose pools drop an odd last row and whose fc6 turns
            7 x 7 pixels into one; "ceil" has pools of one pixel more at all sides,
            whose sizes are rounded up, as in Caffe. At sides of 8 n + 1 "ceil" is
            "same".
        average_pool_size: side of an average pooling of stride 1 behind pool5, in
            which pixels beyond the border count as zeros; None leaves it out.
        fc_channels: channels of fc6 and fc7; None leaves both out.
        fc6_kernel_size: height and width of fc6.
        fc6_rate: of fc6, literal; None is the rate that the pools leave.
        dropout_rate: share of fc6's values that training drops; a head does the same
            with fc7's.
        input_scaling: None is slim's: RGB less the mean.
    """

    output_stride: int = 16
    pool_size: int = 2
    atrous_pooling: bool = True
    padding: str = "same"
    average_pool_size: int | None = None
    fc_channels: int | None = None
    fc6_kernel_size: int = 7
    fc6_rate: int | None = None
    dropout_rate: float = 0.5
    input_scaling: PixelScaling | None = None

    def __post_init__(self) -> None:
        check_output_stride(self.output_stride)
        sizes = {
            "pool_size": self.pool_size,
            "average_pool_size": self.average_pool_size,
            "fc_channels": self.fc_channels,
            "fc6_kernel_size": self.fc6_kernel_size,
            "fc6_rate": self.fc6_rate,
        }
        for name, size in sizes.items():
            if size is not None and size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}.")
        if self.padding not in PADDINGS:
            raise ValueError(
                f"padding must be one of {PADDINGS}, got {self.padding!r}."
            )
        if self.padding == "ceil" and self.pool_size % 2 == 0:
            raise ValueError(
                f"padding 'ceil' needs an odd pool_size, 3 in DeepLab, got "
                f"{self.pool_size}."
            )
        if self.padding == "valid" and self.output_stride != 32:
            raise ValueError(
                f"padding 'valid' is that of the classifier, whose output_stride is "
                f"32, got {self.output_stride}."
            )
        if not 0 <= self.dropout_rate < 1:
            raise ValueError(
                f"dropout_rate must lie in [0, 1), got {self.dropout_rate}."
            )

    @property
    def variant(self) -> str:
        """The name that upstream gives this network."""
        return "vgg_16"

    @property
    def default_style(self) -> ConvStyle:
        """Activation of the original."""
        return VGG_STYLE

    @property
    def padding_pixel(self) -> tuple[float, float, float]:
        """RGB in 0..255 with which images are padded: zero after input scaling."""
        return MEAN_RGB if self.input_scaling is None else self.input_scaling.mean


VARIANTS = {"vgg_16": VGGConfig()}

# What DeepLab v1 and v2 trained with Caffe: pools of 3x3, the last two of stride 1.
# Reference: train.prototxt of DeepLab-LargeFOV and DeepLab-MSc.
CAFFE_POOL5 = VGGConfig(
    output_stride=8,
    pool_size=3,
    atrous_pooling=False,
    padding="ceil",
    input_scaling=CAFFE_SCALING,
)

# The paper does not mention the averages, pool5a of DeepLab-LargeFOV's train.prototxt.
LARGE_FOV = dataclasses.replace(
    CAFFE_POOL5,
    average_pool_size=3,
    fc_channels=1024,
    fc6_kernel_size=3,
    fc6_rate=12,
)
