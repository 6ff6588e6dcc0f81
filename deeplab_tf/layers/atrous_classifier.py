# Licensed under the Apache License, Version 2.0.
"""Classifiers at several rates, summed: the ASPP of DeepLabv2."""

import keras

from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.styled_layer import StyledLayer


@keras.saving.register_keras_serializable(package="deeplab_tf")
class AtrousClassifier(StyledLayer):
    """Sums atrous convolutions that each give the logits of all classes.

    Reference: DeepLabv2 (arXiv:1606.00915), section 3.2; research/deeplab/model.py,
    get_branch_logits.

    Args:
        num_classes: number of output channels.
        kernel_size: side of the kernels.
        rates: of the convolutions.
        style: padding of the convolutions; they have neither norm nor activation.

    Call arguments:
        x: [B, H, W, C].

    Returns:
        [B, H, W, num_classes].
    """

    def __init__(
        self,
        num_classes: int,
        kernel_size: int = 3,
        *,
        rates: tuple[int, ...],
        style,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        self.num_classes = num_classes
        self.kernel_size = kernel_size
        self.rates = tuple(rates)
        self.branches = [
            AtrousConv(
                num_classes,
                kernel_size,
                style=style,
                rate=rate,
                normalize=False,
                kernel_initializer=logits_initializer(),
                name=f"branch{i}",
                dtype=self.dtype_policy,
            )
            for i, rate in enumerate(self.rates)
        ]

    def build(self, input_shape):
        """Builds the convolutions."""
        for branch in self.branches:
            branch.build(input_shape)
        self.built = True

    def call(self, x, training=False):
        """Sums the convolutions."""
        first, *others = (branch(x, training=training) for branch in self.branches)
        return sum(others, start=first)

    def compute_output_shape(self, input_shape):
        """Returns [B, H, W, num_classes]."""
        return (*input_shape[:-1], self.num_classes)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "num_classes": self.num_classes,
            "kernel_size": self.kernel_size,
            "rates": self.rates,
        }


def logits_initializer() -> keras.initializers.Initializer:
    """Returns what a classifier's kernel starts with; a new one keeps its own seed.

    Reference: research/deeplab/model.py, get_branch_logits.
    """
    return keras.initializers.TruncatedNormal(stddev=0.01)
