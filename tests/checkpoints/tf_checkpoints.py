# Licensed under the Apache License, Version 2.0.
"""Writes TensorFlow checkpoints of given names."""

import numpy as np
import tensorflow as tf


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
