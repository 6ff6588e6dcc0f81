# Licensed under the Apache License, Version 2.0.
"""The dictionaries that flow between the modules."""

from typing import Any, TypedDict


class Example(TypedDict, total=False):
    """One image with its labels, before batching.

    Attributes:
        image: [H, W, 3] RGB, uint8 as decoded, float32 in 0..255 once augmented.
        labels: [H, W] int32 class ids; absent where there is no ground truth.
        image_name: scalar string, the id of the example.
    """

    image: Any
    labels: Any
    image_name: Any


class Targets(TypedDict, total=False):
    """What a loss or a metric compares with.

    Attributes:
        labels: [B, H, W] int32 class ids.
    """

    labels: Any


class Outputs(TypedDict, total=False):
    """What a network or a predictor returns.

    Attributes:
        semantic: [B, h, w, C] float32 merged logits at the head's own stride.
        probabilities: [B, H, W, C] float32 at image size.
        labels: [B, H, W] int32 class ids at image size.
    """

    semantic: Any
    probabilities: Any
    labels: Any
