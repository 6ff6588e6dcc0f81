# Licensed under the Apache License, Version 2.0.
"""An image pyramid inside a network: scaled images in, merged logits out."""

import keras
from keras import ops

from deeplab_tf.config import serialization
from deeplab_tf.config.image_pyramid import ImagePyramidConfig
from deeplab_tf.layers.resize import (
    floor_dimension,
    resize_bilinear,
    scale_bilinear,
    scale_dimension,
)
from deeplab_tf.layers.styled_layer import StyledLayer


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ScaledImages(StyledLayer):
    """Resizes images by a factor.

    Args:
        scale: factor on height and width.
        style: where resizing samples.
        rounding: of the scaled sides: see `ImagePyramidConfig`.

    Call arguments:
        x: [B, H, W, 3] RGB in 0..255.

    Returns:
        [B, int((H - 1) * scale + 1), int((W - 1) * scale + 1), 3] float32; with the
        rounding "floor" [B, int(H * scale), int(W * scale), 3].
    """

    def __init__(
        self,
        scale: float,
        *,
        style,
        rounding: str = "corners",
        name=None,
        dtype=None,
        **kwargs,
    ):
        # In bfloat16 pixels above 128 have no fractions.
        super().__init__(style=style, name=name, dtype=dtype, autocast=False, **kwargs)
        self.scale = scale
        self.rounding = rounding

    def call(self, x):
        """Resizes `x`."""
        if self.rounding == "floor":
            return scale_bilinear(x, self.scale)
        size = [scale_dimension(side, self.scale) for side in ops.shape(x)[1:3]]
        return resize_bilinear(x, size, convention=self.style.resize)

    def compute_output_shape(self, input_shape):
        """Returns [B, h, w, 3]."""
        scaled = floor_dimension if self.rounding == "floor" else scale_dimension
        sides = (s if s is None else scaled(s, self.scale) for s in input_shape[1:3])
        return (input_shape[0], *sides, input_shape[-1])

    def compute_output_spec(self, x):
        """Returns [B, h, w, 3] float32, whatever the policy."""
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype="float32")

    def get_config(self):
        """Returns the arguments of the constructor."""
        config = super().get_config() | {
            "scale": self.scale,
            "rounding": self.rounding,
        }
        config.pop("autocast", None)
        return config


@keras.saving.register_keras_serializable(package="deeplab_tf")
class MergedLogits(StyledLayer):
    """Brings the logits of all scales to one size and merges them.

    Reference: research/deeplab/model.py, multi_scale_logits.

    Args:
        config: scales, and how they are merged.
        style: where resizing samples.
        stride: input size over size of the logits at the image's own scale.

    Call arguments:
        inputs: list of the images [B, H, W, 3] and, for each scale, its logits
            [B, h, w, C].

    Returns:
        List of the merged logits and those of each scale, [B, h', w', C] float32 at
        the size of the largest scale, or at that of the image's own.
    """

    def __init__(
        self,
        config: ImagePyramidConfig,
        *,
        style,
        stride: int,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        self.config = config
        self.stride = stride

    def call(self, inputs):
        """Resizes and merges."""
        logits = inputs[1:]
        size = self._merged_size([ops.shape(x) for x in inputs])
        convention = self.style.resize
        scales = [resize_bilinear(x, size, convention=convention) for x in logits]
        stacked = ops.stack(scales)
        merge = ops.max if self.config.merge == "max" else ops.mean
        return [merge(stacked, axis=0), *scales]

    def compute_output_spec(self, inputs):
        """Returns [B, h', w', C] float32 for the merged and each scale's logits."""
        images, *logits = inputs
        sides = self._merged_size([x.shape for x in inputs])
        shape = (images.shape[0], *sides, logits[0].shape[-1])
        return [keras.KerasTensor(shape, dtype="float32") for _ in inputs]

    def _merged_size(self, shapes) -> tuple:
        """Returns (height, width) of the merged logits; unknown sides stay unknown."""
        images, *logits = shapes
        if self.config.rounding == "floor":
            return tuple(logits[self.config.scales.index(self.config.largest)][1:3])
        scale = self.config.largest / self.stride
        return tuple(_scale(side, scale) for side in images[1:3])

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "config": serialization.to_dict(self.config),
            "stride": self.stride,
        }


def _scale(side, scale: float):
    """Returns a scaled side; an unknown one stays unknown."""
    return None if side is None else scale_dimension(side, scale)
