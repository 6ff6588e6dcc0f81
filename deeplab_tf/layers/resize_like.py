# Licensed under the Apache License, Version 2.0.
"""A resize as a layer, for maps whose size is known when the graph runs."""

import keras
from keras import ops

from deeplab_tf.layers.resize import resize_bilinear, scale_dimension


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ResizeLike(keras.layers.Layer):
    """Resizes features bilinearly to the size of others, or to a share of it.

    Args:
        scale: size of the result over that of the others, as `scale_dimension` counts.
        convention: where it samples, as `ConvStyle.resize` tells.

    Call arguments:
        inputs: list of [B, H, W, C], which is resized, and [B, h, w, D], whose size
            counts. For a share of its own size it is given twice.

    Returns:
        [B, height, width, C] of the type of the features.
    """

    def __init__(
        self,
        *,
        scale: float = 1.0,
        convention: str = "align_corners",
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.scale = scale
        self.convention = convention

    def call(self, inputs):
        """Resizes the first to the size of the second."""
        x, like = inputs
        size = tuple(self._scaled(side) for side in ops.shape(like)[1:3])
        resized = resize_bilinear(x, size, convention=self.convention)
        return ops.cast(resized, x.dtype)

    def _scaled(self, side):
        return side if self.scale == 1 else scale_dimension(side, self.scale)

    def compute_output_shape(self, input_shape):
        """Returns [B, height, width, C]."""
        shape, like = input_shape
        sides = (None if side is None else self._scaled(side) for side in like[1:3])
        return (shape[0], *sides, shape[-1])

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "scale": self.scale,
            "convention": self.convention,
        }
