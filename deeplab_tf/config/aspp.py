# Licensed under the Apache License, Version 2.0.
"""Configurations of the heads that DeepLabv3 and v3+ put on a backbone."""

import dataclasses

GATES = ("none", "sigmoid", "q_sigmoid")
MERGES = ("concat", "sum")


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

    def __post_init__(self) -> None:
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
        merge: "concat" with two 3x3 convolutions, or "sum" with one.
        output_is_logits: whether the decoder's own output is the logits: then it has
            no batch norm, no activation and no separable convolution, and `filters`
            must be the number of classes.
    """

    output_strides: tuple[int, ...] = (4,)
    filters: int = 256
    projected_filters: int = 48
    separable: bool = True
    merge: str = "concat"
    output_is_logits: bool = False

    def __post_init__(self) -> None:
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
