# Licensed under the Apache License, Version 2.0.
"""Networks whose outputs can be worked out by hand."""

import keras
import numpy as np


def pointwise_network(*, stride=1, kernel=None, bias=None, size=(None, None)):
    """A 1x1 convolution of every `stride`-th pixel; the identity by default."""
    kernel = np.eye(3, dtype=np.float32) if kernel is None else np.asarray(kernel)
    image = keras.Input((*size, 3))
    layer = keras.layers.Conv2D(
        kernel.shape[1], 1, strides=stride, use_bias=bias is not None
    )
    model = keras.Model(image, {"semantic": layer(image)})
    values = [kernel.reshape(1, 1, *kernel.shape)]
    layer.set_weights(values if bias is None else [*values, np.asarray(bias)])
    return model


def column_network(*, num_classes=3):
    """Gives a pixel of the left-most column class 0's logit, whatever the image.

    It tells left from right: the logit of class 1 grows with the column.
    """
    image = keras.Input((None, None, 3))
    column = keras.ops.cumsum(keras.ops.ones_like(image[..., :1]), axis=2) - 1.0
    zeros = keras.ops.zeros_like(column)
    logits = keras.ops.concatenate([zeros, column], axis=-1)
    rest = [zeros - 100.0] * (num_classes - 2)
    return keras.Model(
        image, {"semantic": keras.ops.concatenate([logits, *rest], axis=-1)}
    )
