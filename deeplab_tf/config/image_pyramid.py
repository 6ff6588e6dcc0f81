# Licensed under the Apache License, Version 2.0.
"""Configuration of the image pyramid inside a network."""

import dataclasses

MERGES = ("max", "average")
ROUNDINGS = ("corners", "floor")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImagePyramidConfig:
    """Scales of the image that one network sees, and how their logits become one.

    Not to be confused with evaluation at several scales, which averages the
    probabilities of a network that sees one scale.

    Attributes:
        scales: factors on the image's size.
        merge: "max" or "average" of the logits, at the largest scale's size, or the
            image's own if that is larger (DeepLab, arXiv:1606.00915, section 4.1.2).
        rounding: of the scaled sides: "corners" is int((side - 1) * scale + 1), as in
            research/deeplab; "floor" is int(side * scale), with each pixel exactly
            `scale` times as far from the edge, as PyTorch's scale_factor has it.
        own_sizes: whether each scale's logits leave the network at their own size; if
            not, at that of the merged ones, as in research/deeplab. It matters to the
            loss alone.
    """

    scales: tuple[float, ...] = (0.5, 0.75, 1.0)
    merge: str = "max"
    rounding: str = "corners"
    own_sizes: bool = False

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise ValueError(
                f"scales of an image pyramid must be positive and at least one, got "
                f"{self.scales}."
            )
        if len(set(self.scales)) != len(self.scales):
            raise ValueError(
                f"scales of an image pyramid must differ, got {self.scales}."
            )
        if self.merge not in MERGES:
            raise ValueError(f"merge must be one of {MERGES}, got {self.merge!r}.")
        if self.rounding not in ROUNDINGS:
            raise ValueError(
                f"rounding must be one of {ROUNDINGS}, got {self.rounding!r}."
            )
        if self.rounding == "floor" and self.largest not in self.scales:
            raise ValueError(
                "With rounding 'floor' one of the scales must be at least 1, whose "
                f"logits have the size of the merged ones: got {self.scales}."
            )

    @property
    def largest(self) -> float:
        """Size of the merged logits over those of the image alone."""
        return max(1.0, *self.scales)
