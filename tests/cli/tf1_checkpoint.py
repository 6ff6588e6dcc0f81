# Licensed under the Apache License, Version 2.0.
"""A checkpoint as TensorFlow 1 and research/deeplab leave it."""

import pathlib

import numpy as np
import tensorflow as tf

from deeplab_tf.checkpoints.slim_names import slim_name


def write_tf1_checkpoint(model, prefix, *, step=0, scope="MobilenetV2"):
    """Writes a model's weights under the original's names and returns the prefix."""
    names = [slim_name(weight.path, scope=scope) for weight in model.weights]
    values = [weight.numpy() for weight in model.weights]
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=[*names, "global_step"],
        shape_and_slices=[""] * (len(names) + 1),
        tensors=[tf.constant(v) for v in [*values, np.int64(step)]],
    )
    return pathlib.Path(prefix)
