# Licensed under the Apache License, Version 2.0.
"""Writes TensorFlow checkpoints of given names, and has those of slim's VGG-16."""

import numpy as np
import tensorflow as tf

from deeplab_tf.backbones.vgg import BLOCKS


def write_checkpoint(prefix, tensors):
    """Writes name -> array as a pair of files, and returns the prefix as text."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(np.asarray(value)) for value in tensors.values()],
    )
    return str(prefix)


def write_v1_checkpoint(path, tensors):
    """Writes name -> array as one file in TensorFlow's first format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tf.raw_ops.Save(
        filename=str(path),
        tensor_names=list(tensors),
        data=[tf.constant(np.asarray(value)) for value in tensors.values()],
    )
    return str(path)


def slim_vgg(*, channels, kernel_size=7):
    """Returns the tensors of slim's VGG-16 with fewer channels in fc6 and fc7.

    There are five classes.
    """
    generator = np.random.default_rng(0)

    def draw(*shape):
        inputs = np.float32(np.prod(shape[:-1]))
        return generator.standard_normal(shape, "float32") / np.sqrt(inputs)

    def layer(scope, *shape):
        return {
            f"vgg_16/{scope}/weights": draw(*shape),
            f"vgg_16/{scope}/biases": draw(shape[-1]),
        }

    tensors = {"vgg_16/mean_rgb": np.zeros(3, "float32"), "global_step": np.int64(0)}
    inputs = 3
    for block, (convs, filters) in enumerate(BLOCKS, start=1):
        for i in range(1, convs + 1):
            tensors |= layer(f"conv{block}/conv{block}_{i}", 3, 3, inputs, filters)
            inputs = filters
    tensors |= layer("fc6", kernel_size, kernel_size, inputs, channels)
    tensors |= layer("fc7", 1, 1, channels, channels)
    return tensors | layer("fc8", 1, 1, channels, 5)
