# Licensed under the Apache License, Version 2.0.
"""Classifiers of several features, summed."""

import keras
from keras import ops

from deeplab_tf.layers.atrous_classifier import logits_initializer
from deeplab_tf.layers.atrous_conv import AtrousConv
from deeplab_tf.layers.resize import resize_bilinear
from deeplab_tf.layers.styled_layer import StyledLayer


@keras.saving.register_keras_serializable(package="deeplab_tf")
class SummedClassifier(StyledLayer):
    """Classifies each of several features by a 1x1 convolution and sums the logits.

    As one convolution on their concatenation does, but for the number of biases.

    Reference: fc_fusion of DeepLab-MSc's train.prototxt; the last sum of DeepLabv2's.

    Args:
        num_classes: number of output channels.
        num_branches: number of features.
        style: where resizing samples; there is neither norm nor activation.
        size_of: which of the features have the size of the result, to which the logits
            of all others are resized; None where all have one size.

    Call arguments:
        inputs: list of [B, h, w, C], each of its own channels.

    Returns:
        [B, H, W, num_classes].
    """

    def __init__(
        self,
        num_classes: int,
        num_branches: int,
        *,
        style,
        size_of: int | None = None,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        self.num_classes = num_classes
        self.num_branches = num_branches
        self.size_of = size_of
        self.branches = [
            AtrousConv(
                num_classes,
                1,
                style=style,
                normalize=False,
                kernel_initializer=logits_initializer(),
                name=f"branch{i}",
                dtype=self.dtype_policy,
            )
            for i in range(num_branches)
        ]

    def build(self, input_shape):
        """Builds the convolutions."""
        for branch, shape in zip(self.branches, input_shape, strict=True):
            branch.build(shape)
        self.built = True

    def call(self, inputs, training=False):
        """Classifies, resizes and sums."""
        logits = [
            branch(x, training=training)
            for branch, x in zip(self.branches, inputs, strict=True)
        ]
        if self.size_of is not None:
            size = ops.shape(inputs[self.size_of])[1:3]
            logits = [
                resize_bilinear(x, size, convention=self.style.resize) for x in logits
            ]
        return ops.cast(sum(logits[1:], start=logits[0]), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Returns [B, H, W, num_classes]."""
        return (*input_shape[self.size_of or 0][:-1], self.num_classes)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "num_classes": self.num_classes,
            "num_branches": self.num_branches,
            "size_of": self.size_of,
        }
