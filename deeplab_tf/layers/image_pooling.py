# Licensed under the Apache License, Version 2.0.
"""Image pooling: the image-level feature of ASPP."""

import keras
from keras import ops

from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.resize import resize_bilinear
from deeplab_tf.layers.styled_layer import StyledLayer


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ImagePooling(StyledLayer):
    """Averages features over the map, projects them and spreads them again.

    Reference: DeepLabv3 (arXiv:1706.05587), section 3.3; research/deeplab/model.py:
    extract_features, for the window and its stride.

    Args:
        filters: number of output channels.
        style: norm of the projection.
        window: (height, width) of the average in pixels of the features, clamped to
            the map; None averages over the whole map, unless a call gives another.
        stride: (height, width) step of the window.
        gate: "none": projection, norm and ReLU (plain even where the head's
            activation is bounded, as in the original); "sigmoid" or "q_sigmoid":
            projection with a bias and that gate.

    Call arguments:
        x: [B, H, W, C].
        training: whether this is a training step.
        window: stands in for the layer's own, where features are of another scale;
            ints or integer scalars.

    Returns:
        [B, H, W, filters].
    """

    def __init__(
        self,
        filters: int,
        *,
        style,
        window: tuple[int, int] | None = None,
        stride: tuple[int, int] = (1, 1),
        gate: str = "none",
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        self.filters = filters
        self.window = None if window is None else tuple(window)
        self.stride = tuple(stride)
        self.gate = gate
        self.conv = AtrousConv(
            filters,
            1,
            style=style,
            normalize=gate == "none",
            activation="relu" if gate == "none" else gate,
            name="conv",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape):
        """Builds the projection."""
        self.conv.build(input_shape)
        self.built = True

    def call(self, x, training=False, window=None):
        """Pools, projects and resizes back."""
        height, width = ops.shape(x)[1:3]
        pooled = ops.cast(x, "float32")
        window = window or self.window
        if window is None:
            pooled = ops.mean(pooled, axis=(1, 2), keepdims=True)
        else:
            rows = _window_means(height, window[0], self.stride[0])
            columns = _window_means(width, window[1], self.stride[1])
            pooled = ops.einsum("ih,bhwc->biwc", rows, pooled)
            pooled = ops.einsum("jw,biwc->bijc", columns, pooled)
        pooled = self.conv(ops.cast(pooled, x.dtype), training=training)
        spread = resize_bilinear(pooled, (height, width), convention=self.style.resize)
        return ops.cast(spread, x.dtype)

    def compute_pooled_shape(self, input_shape) -> tuple:
        """Returns [B, h, w, C], the averages, of a shape that is known."""
        batch, height, width, channels = input_shape
        if self.window is None:
            return batch, 1, 1, channels
        sides = zip((height, width), self.window, self.stride, strict=True)
        counts = (
            (side - min(window, side)) // stride + 1 for side, window, stride in sides
        )
        return (batch, *counts, channels)

    def compute_output_shape(self, input_shape):
        """Returns [B, H, W, filters]."""
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "filters": self.filters,
            "window": self.window,
            "stride": self.stride,
            "gate": self.gate,
        }


def _window_means(size, window: int, stride: int):
    """Returns the [windows, size] matrix that averages along one side.

    A matrix, and not a pooling operation, since the window is clamped to a size that
    may be known only when the graph runs.
    """
    known = isinstance(size, int)
    window = min(window, size) if known else ops.minimum(window, size)
    starts = ops.arange(0, size - window + 1, stride)[:, None]
    pixels = ops.arange(size)[None, :]
    inside = ops.logical_and(pixels >= starts, pixels < starts + window)
    return ops.cast(inside, "float32") / ops.cast(window, "float32")
