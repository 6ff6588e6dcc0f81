# Licensed under the Apache License, Version 2.0.
"""What a network does to pixels before its first convolution."""

import keras
from keras import ops

from deeplab_tf.config.pixel_scaling import PixelScaling


@keras.saving.register_keras_serializable(package="deeplab_tf")
class InputScaling(keras.layers.Layer):
    """Multiplies pixels and adds an offset: x * scale + offset; orders the channels.

    Computed in float32 under any policy, since bfloat16 has no fractions for pixels
    above 128, as resized images have; the result has the policy's compute type.

    Args:
        scale: factor, or one for each of the three channels.
        offset: added to each of the three channels.
        channels: "rgb" keeps their order, "bgr" turns it round afterwards.

    Call arguments:
        x: [B, H, W, 3] RGB in 0..255.

    Returns:
        [B, H, W, 3].
    """

    def __init__(
        self,
        *,
        scale: float | tuple[float, ...] = 2.0 / 255.0,
        offset: tuple[float, ...] = (-1.0, -1.0, -1.0),
        channels: str = "rgb",
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(name=name, dtype=dtype, autocast=False, **kwargs)
        self.scale = tuple(scale) if isinstance(scale, (list, tuple)) else scale
        self.offset = tuple(offset)
        self.channels = channels

    def call(self, x):
        """Scales `x`."""
        x = ops.cast(x, "float32")
        x = x * ops.convert_to_tensor(self.scale, dtype="float32")
        x = x + ops.convert_to_tensor(self.offset, dtype="float32")
        if self.channels == "bgr":
            x = ops.flip(x, axis=-1)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the input."""
        return input_shape

    def get_config(self):
        """Returns the arguments of the constructor."""
        config = super().get_config() | {
            "scale": self.scale,
            "offset": self.offset,
            "channels": self.channels,
        }
        config.pop("autocast", None)
        return config


def build_input_scaling(config: PixelScaling | None) -> InputScaling:
    """Returns the layer of a configuration; None scales to [-1, 1]."""
    if config is None:
        return InputScaling(name="input_scaling")
    pairs = zip(config.mean, config.deviation, strict=True)
    return InputScaling(
        scale=tuple(1.0 / deviation for deviation in config.deviation),
        offset=tuple(-mean / deviation for mean, deviation in pairs),
        channels=config.channels,
        name="input_scaling",
    )
