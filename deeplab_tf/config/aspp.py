# Licensed under the Apache License, Version 2.0.
"""Configurations of the heads that DeepLabv3 and v3+ put on a backbone."""

import dataclasses

GATES = ("none", "sigmoid", "q_sigmoid")
MERGES = ("concat", "sum")
PLACES = ("first", "last")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ASPPConfig:
    """Atrous spatial pyramid pooling (DeepLabv3, arXiv:1706.05587, section 3.3).

    Attributes:
        filters: channels of each branch and of the projection.
        atrous_rates: rates of the 3x3 branches, literal, for the output stride of the
            backbone beside it; () means no 3x3 branches, as in the released
            MobileNetV2 networks.
        separable: whether the 3x3 branches are depthwise separable.
        image_level_feature: whether image pooling is a branch (or a gate).
        image_pooling_crop_size: (height, width) in image pixels of the window over
            which image pooling averages; None averages over the whole map.
        image_pooling_stride: (height, width) stride of that window on the features.
        concat_projection: whether a 1x1 convolution and dropout follow the
            concatenation of the branches.
        image_gate: "none": image pooling is concatenated; "sigmoid" or "q_sigmoid":
            it multiplies the result instead (squeeze-and-excitation).
        dropout_rate: share of the projection's values that training drops.
        image_feature_place: where image pooling stands in the concatenation: "first"
            as in research/deeplab, or "last" as in PyTorch's networks.
        output_conv: whether a 3x3 convolution follows it all, as in torchvision's
            DeepLabv3.
    """

    filters: int = 256
    atrous_rates: tuple[int, ...] = (6, 12, 18)
    separable: bool = True
    image_level_feature: bool = True
    image_pooling_crop_size: tuple[int, int] | None = None
    image_pooling_stride: tuple[int, int] = (1, 1)
    concat_projection: bool = True
    image_gate: str = "none"
    dropout_rate: float = 0.1
    image_feature_place: str = "first"
    output_conv: bool = False

    def __post_init__(self) -> None:
        check_place("image_feature_place", self.image_feature_place)
        if self.image_gate not in GATES:
            raise ValueError(
                f"image_gate must be one of {GATES}, got {self.image_gate!r}."
            )
        if self.filters < 1:
            raise ValueError(f"filters must be at least 1, got {self.filters}.")
        sizes = {
            "image_pooling_crop_size": self.image_pooling_crop_size,
            "image_pooling_stride": self.image_pooling_stride,
        }
        for name, size in sizes.items():
            if size is not None and (len(size) != 2 or min(size) < 1):
                raise ValueError(f"{name} must be a height and a width, got {size}.")
        if any(rate < 1 for rate in self.atrous_rates):
            raise ValueError(
                f"atrous_rates must be at least 1, got {self.atrous_rates}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """The decoder of DeepLabv3+ (arXiv:1802.02611, section 3.1 and 4.1).

    Attributes:
        output_strides: strides of the low-level features that are merged, one stage
            each, descending; the last is the stride of the logits.
        filters: channels of the 3x3 convolutions.
        projected_filters: channels to which low-level features are reduced before a
            concatenation; a sum needs `filters` of them and takes no notice of it.
        separable: whether the 3x3 convolutions are depthwise separable.
        merge: "concat" with `num_convs` 3x3 convolutions, or "sum" with one.
        output_is_logits: whether the decoder's own output is the logits: then it has
            no batch norm, no activation and no separable convolution, and `filters`
            must be the number of classes.
        low_level_place: where the low-level features stand in a concatenation: "last"
            as in research/deeplab, or "first".
        num_convs: 3x3 convolutions behind a concatenation.
        taps: whose places of the low-level features these are: see
            `backbones.Backbone`.
    """

    output_strides: tuple[int, ...] = (4,)
    filters: int = 256
    projected_filters: int = 48
    separable: bool = True
    merge: str = "concat"
    output_is_logits: bool = False
    low_level_place: str = "last"
    num_convs: int = 2
    taps: str = "research_deeplab"

    def __post_init__(self) -> None:
        check_place("low_level_place", self.low_level_place)
        if self.num_convs < 1:
            raise ValueError(f"num_convs must be at least 1, got {self.num_convs}.")
        if self.merge not in MERGES:
            raise ValueError(f"merge must be one of {MERGES}, got {self.merge!r}.")
        if self.filters < 1:
            raise ValueError(f"filters must be at least 1, got {self.filters}.")
        strides = self.output_strides
        if not strides or list(strides) != sorted(strides, reverse=True):
            raise ValueError(
                f"decoder output_strides must be given in descending order, "
                f"got {strides}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """The convolutions that give the logits.

    Attributes:
        kernel_size: side of their kernels; without rates it is 1.
        atrous_rates: one convolution for each, whose results are summed (DeepLabv2,
            arXiv:1606.00915, section 3.2), literal, for the output stride of the
            backbone; () is a single convolution.
    """

    kernel_size: int = 1
    atrous_rates: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kernel_size < 1:
            raise ValueError(
                f"kernel_size of the classifier must be at least 1, got "
                f"{self.kernel_size}."
            )
        if self.kernel_size != 1 and not self.atrous_rates:
            raise ValueError(
                "The kernel of a classifier without atrous rates is 1x1, got "
                f"{self.kernel_size}x{self.kernel_size}."
            )
        if any(rate < 1 for rate in self.atrous_rates):
            raise ValueError(
                f"atrous_rates must be at least 1, got {self.atrous_rates}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FullyConnectedClassifierConfig(ClassifierConfig):
    """Classifiers that stand behind an fc6 and an fc7 of their own: VGG-16's ASPP.

    Reference: DeepLabv2 (arXiv:1606.00915), figure 7b; its train.prototxt.

    Attributes:
        kernel_size: side of the kernels of fc6; fc7 and fc8, the classifier, are 1x1.
        atrous_rates: of fc6, one branch for each; the results of fc8 are summed.
        channels: of fc6 and fc7.
        dropout_rate: share of the values of fc6 and of fc7 that training drops.
    """

    kernel_size: int = 3
    atrous_rates: tuple[int, ...] = (6, 12, 18, 24)
    channels: int = 1024
    dropout_rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.atrous_rates:
            raise ValueError("Each branch has an atrous rate: give at least one.")
        if self.channels < 1:
            raise ValueError(f"channels must be at least 1, got {self.channels}.")
        if not 0 <= self.dropout_rate < 1:
            raise ValueError(
                f"dropout_rate must lie in [0, 1), got {self.dropout_rate}."
            )


def check_place(name: str, place: str) -> None:
    """Raises ValueError unless `place` says where something is concatenated."""
    if place not in PLACES:
        raise ValueError(f"{name} must be one of {PLACES}, got {place!r}.")
