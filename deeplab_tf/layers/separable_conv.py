# Licensed under the Apache License, Version 2.0.
"""Separable convolution in one piece: nothing between its two parts."""

import keras

from deeplab_tf.layers.atrous_conv import (
    AtrousConv,
    convolve_depthwise,
    strided_shape,
)
from deeplab_tf.layers.styled_layer import StyledLayer


@keras.saving.register_keras_serializable(package="deeplab_tf")
class SeparableConv(StyledLayer):
    """A depthwise and a 1x1 convolution, and norm and activation behind both.

    `AtrousSeparableConv` has them behind each part. Reference:
    research/deeplab/core/nas_cell.py, which calls core/xception.py's
    separable_conv2d_same with regularize_depthwise.

    Args:
        filters: number of output channels.
        kernel_size: height and width of the depthwise kernel.
        style: norm and padding; the activation is given apart.
        stride: step of the depthwise kernel on the input, in pixels.
        activation: see `activations.activate`.
        kernel_initializer: of both kernels.

    Call arguments:
        x: [B, H, W, C].
        training: whether this is a training step.

    Returns:
        [B, ceil(H / stride), ceil(W / stride), filters].
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        style,
        stride: int = 1,
        activation: str | None = None,
        kernel_initializer="glorot_uniform",
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        if stride < 1:
            raise ValueError(f"stride must be at least 1, got {stride}.")
        self.filters = filters
        self.kernel_size = kernel_size
        self.stride = stride
        self.activation = activation
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.pointwise = AtrousConv(
            filters,
            1,
            style=style,
            activation=activation,
            kernel_initializer=_copy(self.kernel_initializer),
            name="pointwise",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape):
        """Creates the depthwise kernel; builds the 1x1 convolution."""
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], 1),
            initializer=self.kernel_initializer,
        )
        self.pointwise.build(self.compute_depthwise_shape(input_shape))
        self.built = True

    def call(self, x, training=False):
        """Convolves, normalises and activates."""
        x = convolve_depthwise(x, self.depthwise_kernel, layer=self)
        return self.pointwise(x, training=training)

    def compute_depthwise_shape(self, input_shape) -> tuple:
        """Returns [B, ceil(H / stride), ceil(W / stride), C]."""
        return (*strided_shape(input_shape, self.stride), input_shape[-1])

    def compute_output_shape(self, input_shape):
        """Returns [B, ceil(H / stride), ceil(W / stride), filters]."""
        return (*strided_shape(input_shape, self.stride), self.filters)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "activation": self.activation,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _copy(initializer):
    """Returns an equal initializer, which draws other numbers if it has no seed."""
    config = keras.initializers.serialize(initializer)
    return keras.initializers.deserialize(config)
