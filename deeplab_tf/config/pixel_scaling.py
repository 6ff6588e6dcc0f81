# Licensed under the Apache License, Version 2.0.
"""Configuration of what a network does to pixels before its first convolution."""

import dataclasses

CHANNEL_ORDERS = ("rgb", "bgr")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PixelScaling:
    """Subtracts a mean and divides by a deviation: (x - mean) / deviation.

    Attributes:
        mean: RGB in 0..255; images are padded with it too.
        deviation: RGB, in the unit of the pixels.
        channels: order in which the first convolution sees them: "rgb", or "bgr" as
            networks of Caffe were trained.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)
    channels: str = "rgb"

    def __post_init__(self) -> None:
        if self.channels not in CHANNEL_ORDERS:
            raise ValueError(
                f"channels must be one of {CHANNEL_ORDERS}, got {self.channels!r}."
            )
        if len(self.mean) != 3 or len(self.deviation) != 3:
            raise ValueError(
                f"mean and deviation must have three values, got {self.mean} and "
                f"{self.deviation}."
            )
        if min(self.deviation) <= 0:
            raise ValueError(f"deviation must be positive, got {self.deviation}.")


# The mean of all networks that DeepLab trained with Caffe, v1 and v2.
CAFFE_SCALING = PixelScaling(mean=(122.675, 116.669, 104.008), channels="bgr")
