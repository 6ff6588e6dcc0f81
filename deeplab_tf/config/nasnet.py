# Licensed under the Apache License, Version 2.0.
"""Configuration of the backbones that were found by architecture search."""

import dataclasses

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.output_stride import check_output_stride

# research/deeplab/core/feature_extractor.py: extract_features.
NAS_STYLE = ConvStyle(norm_momentum=0.9997, norm_epsilon=1e-3, padding="explicit")

NETWORKS = ("pnasnet", "hnasnet")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NASNetConfig:
    """PNASNet-5 (arXiv:1712.00559) or Auto-DeepLab's network (arXiv:1901.02985).

    Attributes:
        network: "pnasnet" stacks twelve cells of PNASNet-5; "hnasnet" takes the cell
            and the path through the strides that Auto-DeepLab found.
        output_stride: input size over size of the last features: 8, 16 or 32. It
            changes the variables of pnasnet, whose cells are as wide as their stride
            asks for. The path of hnasnet ends at stride 8 whatever this says: only
            the logits, and a classification head, are brought to it. So give 8.
        filters: channels of each operation at stride 4 (F in Auto-DeepLab, table 4:
            20, 32 or 48); twice as many at each halving of the size.
        classification_head: whether the convolutions follow that lead to stride 32
            and 2048 channels, as in training on ImageNet.
        remove_os32_stride: whether the cells that would lie at stride 32 stay at 16.
        drop_path_keep_prob: probability to keep a branch of the last cell at the end
            of the training; of cell n of 12 it is 1 - n / 12 * (1 - this). 1 builds no
            drop path. Training with frozen batch norm has none either, as in the
            original.
        drop_path_steps: training steps in which the probability falls from 1 to that;
            0 is the length of the training, and no ramp where `build_model` alone is
            asked. The layers count training calls, of which a step makes one for each
            part of its batch and scale of its pyramid.
    """

    network: str = "pnasnet"
    output_stride: int = 16
    filters: int = 20
    classification_head: bool = False
    remove_os32_stride: bool = False
    drop_path_keep_prob: float = 1.0
    drop_path_steps: int = 0

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ValueError(
                f"network must be one of {', '.join(NETWORKS)}, got {self.network!r}."
            )
        check_output_stride(self.output_stride)
        if self.filters < 1:
            raise ValueError(f"filters must be at least 1, got {self.filters}.")
        if not 0 < self.drop_path_keep_prob <= 1:
            raise ValueError(
                f"drop_path_keep_prob must lie in (0, 1], got "
                f"{self.drop_path_keep_prob}."
            )
        if self.drop_path_steps < 0:
            raise ValueError(
                f"drop_path_steps must not be negative, got {self.drop_path_steps}."
            )

    @property
    def variant(self) -> str:
        """The name that upstream gives this network."""
        return f"nas_{self.network}"

    @property
    def stride_changes_variables(self) -> bool:
        """Whether a network at another output stride has other variables."""
        return self.network == "pnasnet"

    @property
    def default_style(self) -> ConvStyle:
        """Norm, activation and padding of the original."""
        return NAS_STYLE

    @property
    def padding_pixel(self) -> tuple[float, float, float]:
        """RGB in 0..255 with which images are padded: zero after input scaling."""
        return (127.5, 127.5, 127.5)


VARIANTS = {
    config.variant: config
    for config in (
        NASNetConfig(network="pnasnet"),
        NASNetConfig(network="hnasnet", output_stride=8),
    )
}
