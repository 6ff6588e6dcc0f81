# Licensed under the Apache License, Version 2.0.
"""A checkpoint as TensorFlow 1 and research/deeplab leave it."""

import io
import pathlib
import tarfile

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


def pack_network(model, folder, *, scope="MobilenetV2"):
    """Returns the bytes of an archive as the zoo has them: names of its own inside."""
    prefix = write_tf1_checkpoint(
        model, pathlib.Path(folder) / "model.ckpt-30000", step=30000, scope=scope
    )
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", compresslevel=1) as tarred:
        for path in sorted(prefix.parent.glob(f"{prefix.name}*")):
            tarred.add(path, arcname=f"deeplabv3_some_network_train/{path.name}")
    return target.getvalue()
