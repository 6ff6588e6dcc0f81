# Licensed under the Apache License, Version 2.0.
"""The weights of a frozen graph of TensorFlow 1, which are constants in it."""

import os
import pathlib
import re

import numpy as np

from deeplab_tf.checkpoints.tensor_reader import TensorReader

# Names of tf_slim's variables; a frozen graph holds other constants, too.
_VARIABLE = re.compile(
    r"/(\w*weights|biases|gamma|beta|moving_mean|moving_variance)$|^global_step$"
)

_SHOWN_NAMES = 5


class FrozenGraphReader(TensorReader):
    """The variables of a frozen graph, as `frozen_inference_graph.pb`.

    Freezing puts a constant in the place of each variable, under its name.

    Args:
        path: of the file.

    Raises:
        ValueError: it is no graph, or holds no variables of tf_slim.
    """

    def __init__(self, path: str | os.PathLike[str]):
        import tensorflow as tf
        from google.protobuf.message import DecodeError

        self.path = os.fspath(path)
        try:
            graph = tf.compat.v1.GraphDef.FromString(pathlib.Path(path).read_bytes())
        except DecodeError as error:
            raise ValueError(
                f"{self.path} cannot be read as a frozen graph: {error}. It may be cut "
                "short, or be something else: get it again."
            ) from error
        constants = [node for node in graph.node if node.op == "Const"]
        self._values = {
            node.name: node.attr["value"].tensor
            for node in constants
            if _VARIABLE.search(node.name)
        }
        if not self._values:
            names = sorted(node.name for node in constants)
            shown = ", ".join(names[:_SHOWN_NAMES]) or "nothing"
            raise ValueError(
                f"{self.path} holds no variables of research/deeplab: expected "
                f"constants as MobilenetV2/Conv/weights, found {shown} ({len(names)} "
                "constants). Of a graph that was exported here, give the checkpoint."
            )
        self.shapes = {
            name: tuple(side.size for side in tensor.tensor_shape.dim)
            for name, tensor in self._values.items()
        }

    def __getitem__(self, name: str) -> np.ndarray:
        import tensorflow as tf

        return tf.make_ndarray(self._values[name])
