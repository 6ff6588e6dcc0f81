# Licensed under the Apache License, Version 2.0.
"""Max pooling at a rate, and padded as other frameworks do."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="deeplab_tf")
class AtrousMaxPool(keras.layers.Layer):
    """Takes the largest value of a window whose samples lie `rate` pixels apart.

    A rate leaves the size as it is. Samples beyond the border do not count.

    Args:
        pool_size: height and width of the window.
        stride: step of the window, in pixels; 1 where there is a rate.
        rate: distance of the window's samples, in pixels.
        padding: "same" or "valid"; "same" where there is a rate.

    Call arguments:
        x: [B, H, W, C].

    Returns:
        [B, ceil(H / stride), ceil(W / stride), C] with padding "same".
    """

    def __init__(
        self,
        pool_size: int = 2,
        *,
        stride: int = 1,
        rate: int = 1,
        padding: str = "same",
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(name=name, dtype=dtype, **kwargs)
        if rate > 1 and (stride > 1 or padding != "same"):
            raise ValueError(
                f"A rate needs stride 1 and padding 'same', got rate {rate}, stride "
                f"{stride} and padding {padding!r}."
            )
        self.pool_size = pool_size
        self.stride = stride
        self.rate = rate
        self.padding = padding

    def call(self, x):
        """Pools `x`."""
        if self.rate == 1:
            return ops.max_pool(
                x,
                self.pool_size,
                strides=self.stride,
                padding=self.padding,
                data_format="channels_last",
            )
        for axis in (1, 2):
            x = self._slide(x, axis)
        return x

    def _slide(self, x, axis: int):
        """Returns the largest values along one axis.

        Where a sample lies beyond the border stands the window's own pixel, which is
        in the window anyway.
        """
        first = -((self.pool_size - 1) // 2)
        largest = x
        for sample in range(first, first + self.pool_size):
            shift = sample * self.rate
            if shift > 0:
                parts = [_cut(x, axis, shift, None), _cut(x, axis, -shift, None)]
            elif shift < 0:
                parts = [_cut(x, axis, None, -shift), _cut(x, axis, None, shift)]
            else:
                continue
            largest = ops.maximum(largest, ops.concatenate(parts, axis=axis))
        return largest

    def compute_output_shape(self, input_shape):
        """Returns [B, h, w, C]; unknown sides stay unknown."""
        batch, *sides, channels = input_shape
        lost = self.pool_size - 1 if self.padding == "valid" else 0
        sides = (
            None if side is None else -(-(side - lost) // self.stride) for side in sides
        )
        return (batch, *sides, channels)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "pool_size": self.pool_size,
            "stride": self.stride,
            "rate": self.rate,
            "padding": self.padding,
        }


def padded_max_pool(x, pool_size: int, *, stride: int, padding: str, name: str):
    """Pools behind an activation that leaves nothing negative.

    Args:
        x: [B, H, W, C], all at least 0, since zeros are what pads it.
        pool_size: height and width of the window; odd.
        stride: step of the window, in pixels.
        padding: "explicit" is half a window at all sides, as in PyTorch; "ceil" rounds
            the size up besides, as Caffe does.
        name: of the layer.

    Returns:
        [B, h, w, C].
    """
    before = behind = (pool_size - 1) // 2
    if padding == "ceil":
        # What a whole number of strides leaves over, a pooling takes no notice of.
        behind += stride - 1
    sides = (before, behind)
    x = keras.layers.ZeroPadding2D((sides, sides), name=f"{name}_padding")(x)
    return keras.layers.MaxPooling2D(pool_size, stride, name=name)(x)


def _cut(x, axis: int, start: int | None, stop: int | None):
    """Returns the part of [B, H, W, C] between two positions of an axis."""
    part = slice(start, stop)
    return x[:, part] if axis == 1 else x[:, :, part]
