# Licensed under the Apache License, Version 2.0.
"""Weights of keras.applications: from a model, a .keras file or an .h5 file."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from deeplab_tf.checkpoints import adaptation, keras_names
from deeplab_tf.checkpoints.importer import ImportReport
from deeplab_tf.checkpoints.tensor_reader import TensorReader


def load_keras_application(
    model: keras.Model, source: keras.Model | str | os.PathLike[str]
) -> ImportReport:
    """Sets the backbone of a network from a classifier of keras.applications.

    Its numbers are those of the original only with the conventions of the original:
    those of `config.keras_applications`.

    Args:
        model: a network of `build_model`, or a backbone; its head stays as it is.
        source: a model of keras.applications, or its `.keras` or `.h5` file.

    Returns:
        What was assigned, skipped and ignored.

    Raises:
        ValueError: it is no such network, or does not fit the model; nothing was
            assigned then.
    """
    if isinstance(source, keras.Model):
        path = f"keras.applications {source.name}"
        tensors: Mapping[str, np.ndarray] = keras_names.tensors_of(source)
    elif os.fspath(source).endswith(".keras"):
        path = os.fspath(source)
        tensors = keras_names.tensors_of(keras.saving.load_model(path, compile=False))
    else:
        path = os.fspath(source)
        tensors = KerasWeightsReader(path)
    rules = keras_names.find_rules(tensors)
    if rules is None:
        raise ValueError(
            f"{path} is no network of keras.applications that a backbone here can "
            f"start from: those are {keras_names.FITTING}."
        )
    skip = adaptation.skip_of_classifier(tensors, rules)
    return adaptation.import_adapted(model, tensors, rules, path=path, skip=skip)


class KerasWeightsReader(TensorReader):
    """The tensors of an .h5 file of Keras by layer and variable, read lazily.

    Args:
        path: of the file, as keras.applications publishes its weights.

    Raises:
        ValueError: the file is damaged, or of another kind.
    """

    def __init__(self, path: str | os.PathLike[str]):
        import h5py

        self.path = os.fspath(path)
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            raise ValueError(
                f"{self.path} cannot be read as an HDF5 file: {error}. It may be cut "
                "short: get it again."
            ) from error
        group = self._file.get("model_weights", self._file)
        if "layer_names" not in group.attrs:
            raise ValueError(
                f"{self.path} does not name its layers, as .weights.h5 files do not: "
                "load it into the model of keras.applications and pass that."
            )
        self._tensors = keras_names.FoldedBiases(dict(_find_tensors(group)))
        self.shapes = self._tensors.shapes

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self._tensors[name]
        except OSError as error:
            raise ValueError(
                f"{self.path}: the value of {name} cannot be read: the file is damaged "
                f"or cut short. ({error})"
            ) from error


def _find_tensors(group: Any) -> Iterator[tuple[str, Any]]:
    """Yields name and data set of each variable in a file."""
    for layer in map(_text, group.attrs["layer_names"]):
        for weight in map(_text, group[layer].attrs["weight_names"]):
            yield keras_names.tensor_name(layer, weight), group[layer][weight]


def _text(name: Any) -> str:
    return name.decode("utf-8") if isinstance(name, bytes) else str(name)
