# Licensed under the Apache License, Version 2.0.
"""What a backbone gives to a model: named endpoints with their strides."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backbone:
    """The graph of a feature extractor.

    Attributes:
        input: [B, H, W, 3] RGB in 0..255.
        endpoints: name -> [B, h, w, C]; names are upstream's.
        strides: name -> input size over the endpoint's size.
        features: the last endpoint, which the head reads; in networks of searched cells
            it is rectified for that.
        taps: convention -> nominal stride -> name of the endpoint that a decoder
            reads there; conventions differ, since the originals take their decoder's
            inputs at different places of the same block.
        has_regular_size: whether the features of images of any size have sides of
            `scale_dimension(side, 1 / output_stride)`; not so where a network enlarges
            features, or ends at another stride.
    """

    input: Any
    endpoints: Mapping[str, Any]
    strides: Mapping[str, int]
    features: Any
    taps: Mapping[str, Mapping[int, str]]
    has_regular_size: bool = True

    def tap(self, stride: int, *, convention: str = "research_deeplab"):
        """Returns the low-level features that a decoder reads at a stride.

        Raises:
            ValueError: the backbone has no tap there.
        """
        return self.endpoints[self._tap_name(stride, convention)]

    def tap_stride(self, stride: int, *, convention: str = "research_deeplab") -> int:
        """Returns the stride that a tap really has: at most the output stride."""
        return self.strides[self._tap_name(stride, convention)]

    def _tap_name(self, stride: int, convention: str) -> str:
        if convention not in self.taps:
            raise ValueError(
                f"A decoder can read this backbone by the convention of "
                f"{' or '.join(sorted(self.taps))}, got {convention!r}."
            )
        names = self.taps[convention]
        if not names:
            raise ValueError(
                "This backbone has no features for a decoder in the original: build "
                "it without one (no --decoder_output_stride)."
            )
        if stride not in names:
            raise ValueError(
                f"A decoder can read this backbone at strides "
                f"{', '.join(map(str, sorted(names)))}, got {stride}."
            )
        return names[stride]
