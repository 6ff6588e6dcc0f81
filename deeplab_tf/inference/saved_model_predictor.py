# Licensed under the Apache License, Version 2.0.
"""Exported SavedModels and frozen graphs as predictors."""

import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from deeplab_tf.inference.predictor import Predictor, host_predictor
from deeplab_tf.structures import Outputs

SIGNATURE = "serving_default"
PROBABILITIES_SIGNATURE = "probabilities"

# Tensors of the frozen graphs of research/deeplab.
_GRAPH_INPUT = "ImageTensor:0"
_GRAPH_OUTPUT = "SemanticPredictions:0"


def saved_model_predictor(
    path: str | os.PathLike[str], *, with_probabilities: bool = False
) -> Predictor:
    """Returns the predictor of a SavedModel, run as a server would run it.

    Args:
        path: the folder. Its signature `serving_default` takes one tensor of images,
            [N, H, W, 3], and gives labels [N, H, W], whatever they are called.
        with_probabilities: whether the predictor gives `probabilities` too, from the
            signature of that name, which files of this project have.

    Raises:
        ValueError: there is no SavedModel, or none with such a signature.
    """
    folder = pathlib.Path(path)
    if not (folder / "saved_model.pb").is_file():
        raise ValueError(f"{path} is no SavedModel: it holds no saved_model.pb.")
    try:
        signatures = tf.saved_model.load(os.fspath(path)).signatures
    except (tf.errors.OpError, OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} cannot be loaded as a SavedModel ({error}): export it again."
        ) from error
    name = PROBABILITIES_SIGNATURE if with_probabilities else SIGNATURE
    if name not in signatures:
        raise ValueError(
            f"{path} has no signature {name!r}: it has "
            f"{', '.join(sorted(signatures)) or 'none'}. Export it again."
        )
    run_images = _image_function(
        signatures[name], rank=4 if with_probabilities else 3, path=path
    )
    if not with_probabilities:
        return _label_predictor(run_images)

    def run(images: np.ndarray) -> Outputs:
        probabilities = run_images(images)
        labels = np.argmax(probabilities, axis=-1).astype(np.int32)
        return Outputs(probabilities=probabilities, labels=labels)

    return host_predictor(run, dtypes={"labels": tf.int32, "probabilities": tf.float32})


def has_probabilities(path: str | os.PathLike[str]) -> bool:
    """Returns whether a SavedModel has the signature of probabilities.

    Raises:
        ValueError: the file is damaged.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    file = pathlib.Path(path) / "saved_model.pb"
    try:
        saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except DecodeError as error:
        raise ValueError(f"{file} is damaged: export the network again.") from error
    return any(PROBABILITIES_SIGNATURE in g.signature_def for g in saved.meta_graphs)


def frozen_graph_predictor(path: str | os.PathLike[str]) -> Predictor:
    """Returns the predictor of a frozen graph as research/deeplab exports it.

    Args:
        path: a file with `ImageTensor:0`, uint8 [1 or N, H, W, 3], and
            `SemanticPredictions:0`, integers [1 or N, H, W].

    Raises:
        ValueError: the file is no such graph.
    """
    from google.protobuf.message import DecodeError

    try:
        definition = tf.compat.v1.GraphDef.FromString(pathlib.Path(path).read_bytes())
        wrapped = tf.compat.v1.wrap_function(
            lambda: tf.import_graph_def(definition, name=""), []
        )
        pruned = wrapped.prune(_GRAPH_INPUT, _GRAPH_OUTPUT)
    except (DecodeError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is no frozen graph with {_GRAPH_INPUT} and {_GRAPH_OUTPUT}, as "
            f"research/deeplab and export_model.py write it: {error}"
        ) from error

    def run_images(images: np.ndarray) -> np.ndarray:
        # The original's graphs take one image at a time.
        labels = [pruned(tf.constant(to_uint8(image[None]))) for image in images]
        return np.concatenate([np.asarray(one) for one in labels])

    return _label_predictor(run_images)


def _label_predictor(run_images: Callable[[np.ndarray], np.ndarray]) -> Predictor:
    """Returns the predictor of a function from images to labels."""

    def run(images: np.ndarray) -> Outputs:
        return Outputs(labels=np.asarray(run_images(images)).astype(np.int32))

    return host_predictor(run, dtypes={"labels": tf.int32})


def _image_function(
    signature: Any, *, rank: int, path: str | os.PathLike[str]
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a signature as a function of images.

    Args:
        signature: of a loaded SavedModel.
        rank: of the wanted output, [N, H, W] or [N, H, W, C].
        path: of the SavedModel, for the message.

    Raises:
        ValueError: it is no function of one image tensor with one such output.
    """
    inputs = signature.structured_input_signature[1]
    outputs = signature.structured_outputs
    fitting = [name for name, spec in outputs.items() if spec.shape.rank == rank]
    if len(inputs) != 1 or len(fitting) != 1:
        raise ValueError(
            f"{path} was expected to take one tensor of images, [N, H, W, 3], and to "
            f"give one of rank {rank}; it takes {inputs} and gives {outputs}."
        )
    ((name, spec),) = inputs.items()

    def run(images: np.ndarray) -> np.ndarray:
        values = to_uint8(images) if spec.dtype.is_integer else images
        found = signature(**{name: tf.cast(values, spec.dtype)})
        return np.asarray(found[fitting[0]])

    return run


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Returns images in 0..255 as uint8, rounded."""
    if images.dtype == np.uint8:
        return images
    return np.rint(np.clip(images, 0, 255)).astype(np.uint8)
