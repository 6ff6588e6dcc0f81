# Licensed under the Apache License, Version 2.0.
"""Squeeze-and-excitation: the mean of the map says which channels matter."""

import keras
from keras import ops

from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.styled_layer import StyledLayer


@keras.saving.register_keras_serializable(package="deeplab_tf")
class SqueezeExcite(StyledLayer):
    """Multiplies each channel by a gate that two 1x1 convolutions make of the mean.

    Reference: arXiv:1709.01507; MobileNetV3 (arXiv:1905.02244), section 5.3; slim's
    nets/mobilenet/conv_blocks.py: squeeze_excite.

    Args:
        squeezed: channels between the two convolutions.
        style: padding and such of the convolutions, which have no norm.
        gate: see `activations.activate`; the default is slim's.
        kernel_initializer: of both convolutions.

    Call arguments:
        x: [B, H, W, C].
        training: whether this is a training step.

    Returns:
        [B, H, W, C].
    """

    def __init__(
        self,
        squeezed: int,
        *,
        style,
        gate: str = "q_sigmoid",
        kernel_initializer="glorot_uniform",
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        self.squeezed = squeezed
        self.gate = gate
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.conv = self._conv(squeezed, "relu", name="conv")

    def _conv(self, filters: int, activation: str, *, name: str) -> AtrousConv:
        return AtrousConv(
            filters,
            1,
            style=self.style,
            normalize=False,
            activation=activation,
            kernel_initializer=self.kernel_initializer.clone(),
            name=name,
            dtype=self.dtype_policy,
        )

    def build(self, input_shape):
        """Builds both convolutions."""
        self.conv.build(input_shape)
        self.conv_1 = self._conv(input_shape[-1], self.gate, name="conv_1")
        self.conv_1.build(self.conv.compute_output_shape(input_shape))
        self.built = True

    def call(self, x, training=False):
        """Gates `x`."""
        mean = ops.mean(ops.cast(x, "float32"), axis=(1, 2), keepdims=True)
        squeezed = self.conv(ops.cast(mean, x.dtype), training=training)
        return x * self.conv_1(squeezed, training=training)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the input."""
        return input_shape

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "squeezed": self.squeezed,
            "gate": self.gate,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
