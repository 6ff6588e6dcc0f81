# Licensed under the Apache License, Version 2.0.
"""What a network does to pixels before its first convolution."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="deeplab_tf")
class InputScaling(keras.layers.Layer):
    """Multiplies pixels and adds an offset: x * scale + offset.

    Computed in float32 under any policy, since bfloat16 has no fractions for pixels
    above 128, as resized images have; the result has the policy's compute type.

    Args:
        scale: factor.
        offset: added to each of the three channels.

    Call arguments:
        x: [B, H, W, 3] RGB in 0..255.

    Returns:
        [B, H, W, 3].
    """

    def __init__(
        self,
        *,
        scale: float = 2.0 / 255.0,
        offset: tuple[float, ...] = (-1.0, -1.0, -1.0),
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(name=name, dtype=dtype, autocast=False, **kwargs)
        self.scale = scale
        self.offset = tuple(offset)

    def call(self, x):
        """Scales `x`."""
        x = ops.cast(x, "float32") * self.scale
        x = x + ops.convert_to_tensor(self.offset, dtype="float32")
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the input."""
        return input_shape

    def get_config(self):
        """Returns the arguments of the constructor."""
        config = super().get_config() | {"scale": self.scale, "offset": self.offset}
        config.pop("autocast", None)
        return config
