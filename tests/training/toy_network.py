# Licensed under the Apache License, Version 2.0.
"""A network small enough to be trained in a test, on any backend."""

import keras
import numpy as np

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.layers.atrous_conv import AtrousConv

NUM_CLASSES = 3


def build_toy(*, norm: bool = True, dropout_rate: float = 0.0) -> keras.Model:
    """Returns a network [B, H, W, 3] -> {"semantic": [B, h, w, 3]} at stride 2."""
    images = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(2 / 255, offset=-1, name="scaling")(images)
    x = keras.layers.Conv2D(
        6, 3, strides=2, padding="same", use_bias=not norm, name="conv"
    )(x)
    if norm:
        x = keras.layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name="dropout")(x)
    x = keras.layers.Conv2D(NUM_CLASSES, 1, name="logits", dtype="float32")(x)
    return keras.Model(images, {"semantic": x})


def add_atrous(x):
    """Returns [B, h, w, 6] after convolutions whose gradients are our own on a CPU."""
    options = {"style": ConvStyle(), "normalize": False, "activation": "relu"}
    x = AtrousConv(6, 3, rate=2, name="atrous", **options)(x)
    return AtrousConv(6, 1, name="pointwise", **options)(x)


def toy_arrays(num_images: int = 8, *, size: int = 17) -> dict[str, np.ndarray]:
    """Returns images whose brightness tells the label, all of their pixels labelled."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, NUM_CLASSES, [num_images, size, size])
    noise = generator.uniform(-20, 20, [num_images, size, size, 3])
    return {
        "image": (60 + 60 * labels[..., None] + noise).astype(np.float32),
        "labels": labels.astype(np.int32),
        "image_name": np.array([f"picture {i}" for i in range(num_images)]),
    }
