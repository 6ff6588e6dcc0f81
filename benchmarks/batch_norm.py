# Licensed under the Apache License, Version 2.0.
"""Our batch norm beside Keras' own, in one run: a training step and inference.

Prints ours / Keras' as a ratio, the median over pairs that alternate, so that the
speed of a shared machine cancels out.
"""

import statistics
import time

import keras
import tensorflow as tf

from deeplab_tf.layers.batch_norm import BatchNorm

SHAPES = ((8, 129, 129, 96), (8, 33, 33, 384))
LAYERS = 4
PAIRS = 15


def build(norm, channels):
    """Returns a network of 1x1 convolutions, each with a norm and an activation."""
    images = keras.Input((None, None, channels))
    x = images
    for _ in range(LAYERS):
        x = keras.layers.Conv2D(channels, 1, use_bias=False)(x)
        x = keras.layers.ReLU(6.0)(norm()(x))
    return keras.Model(images, x)


def functions(model):
    """Returns a training step without an update, and inference, as graphs."""

    @tf.function
    def train(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(x, training=True))
        return tape.gradient(loss, [v.value for v in model.trainable_variables])

    @tf.function
    def infer(x):
        return model(x, training=False)

    return {"training step": train, "inference": infer}


def seconds(function, x):
    """Returns how long one call takes."""
    start = time.perf_counter()
    tf.nest.map_structure(lambda tensor: tensor.numpy(), function(x))
    return time.perf_counter() - start


def main():
    """Prints one line for each shape and kind of call."""
    for shape in SHAPES:
        x = tf.random.stateless_normal(shape, seed=(1, 2))
        ours = functions(build(BatchNorm, shape[-1]))
        theirs = functions(build(keras.layers.BatchNormalization, shape[-1]))
        for name, function in ours.items():
            peer = theirs[name]
            seconds(function, x), seconds(peer, x)
            pairs = [(seconds(function, x), seconds(peer, x)) for _ in range(PAIRS)]
            ratios = [mine / other for mine, other in pairs]
            print(
                f"{name:13} {shape!s:20} ours / Keras' {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
