# Licensed under the Apache License, Version 2.0.
"""Our weights as a checkpoint of TensorFlow 1, under research/deeplab's names."""

import os
import pathlib
import tempfile

import keras
import numpy as np

from deeplab_tf.checkpoints.own_names import STEP
from deeplab_tf.checkpoints.slim_backbones import BACKBONES
from deeplab_tf.checkpoints.slim_names import slim_name
from deeplab_tf.config.recipe import ModelConfig

# Variant -> scope of its variables, where it is not the variant's name.
_SCOPES = {
    "mobilenet_v2": "MobilenetV2",
    "mobilenet_v3_large": "MobilenetV3",
    "mobilenet_v3_large_seg": "MobilenetV3",
    "mobilenet_v3_small": "MobilenetV3",
    "mobilenet_v3_small_seg": "MobilenetV3",
    "mobilenet_edgetpu": "MobilenetEdgeTPU",
    "nas_pnasnet": "pnasnet",
    "nas_hnasnet": "hnasnet",
    "resnet_v1_18_beta": "resnet_v1_18",
    "resnet_v1_50_beta": "resnet_v1_50",
    "resnet_v1_101_beta": "resnet_v1_101",
}
_DATA = ".data-00000-of-00001"


def save_slim_checkpoint(
    model: keras.Model,
    prefix: str | os.PathLike[str],
    *,
    config: ModelConfig,
    step: int = 0,
) -> str:
    """Saves the weights of a network so that research/deeplab restores them.

    Its names, shapes and types, and `global_step`; no slots of an optimizer, which it
    makes anew. Files of that prefix are replaced when the new ones are complete.

    Args:
        model: the network.
        prefix: as `folder/model.ckpt`; the folder is made if it does not exist.
        config: what the network was built from.
        step: the value of `global_step`.

    Returns:
        The prefix.

    Raises:
        ValueError: research/deeplab has no names for the network.
        OSError: the disk is full, or the folder cannot be written.
    """
    import tensorflow as tf

    scope = find_scope(config)
    tensors: dict[str, np.ndarray] = {}
    for weight in model.weights:
        name = slim_name(weight.path, scope=scope)
        if name in tensors or name == weight.path:
            raise ValueError(
                f"research/deeplab has no name for the variable {weight.path}: this "
                "network is none of its own."
            )
        tensors[name] = keras.ops.convert_to_numpy(weight).astype(np.float32)
    target = pathlib.Path(prefix)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=target.parent) as folder:
        partial = f"{folder}/model.ckpt"
        try:
            tf.raw_ops.SaveV2(
                prefix=partial,
                tensor_names=[*tensors, STEP],
                shape_and_slices=[""] * (len(tensors) + 1),
                tensors=[*tensors.values(), tf.constant(step, tf.int64)],
            )
        except tf.errors.OpError as error:
            raise OSError(f"{target} could not be written: {error.message}") from error
        # A reader looks for the index.
        for ending in (_DATA, ".index"):
            os.replace(f"{partial}{ending}", f"{target}{ending}")
    return str(target)


def find_scope(config: ModelConfig) -> str:
    """Returns the scope of the backbone's variables in research/deeplab.

    Raises:
        ValueError: it has no such backbone.
    """
    variant = config.backbone.variant
    scope = _SCOPES.get(variant, variant)
    if scope not in BACKBONES:
        raise ValueError(
            f"research/deeplab has no names for the backbone {variant}; known are "
            f"{', '.join(BACKBONES)}."
        )
    return scope
