# Licensed under the Apache License, Version 2.0.
"""`.keras` files: a network of ours with its configuration in it."""

import logging
import os
import pathlib
import tempfile
import zipfile
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from deeplab_tf.checkpoints import keras_names
from deeplab_tf.checkpoints.own_names import own_name
from deeplab_tf.checkpoints.tensor_reader import TensorReader
from deeplab_tf.config import serialization
from deeplab_tf.config.recipe import ModelConfig

log = logging.getLogger(__name__)

# Keras takes no notice of it.
CONFIG_MEMBER = "deeplab_tf.json"


def save_keras(
    model: keras.Model, path: str | os.PathLike[str], *, config: ModelConfig
) -> None:
    """Saves a network and its configuration as one file, whole or not at all.

    `keras.saving.load_model` opens it once `deeplab_tf.models` is imported.

    Args:
        model: the network.
        path: ends in `.keras`; its folder is made if it does not exist.
        config: what the network was built from.

    Raises:
        ValueError: the path ends otherwise.
        OSError: the disk is full, or the folder cannot be written.
    """
    target = pathlib.Path(path)
    if target.suffix != ".keras":
        raise ValueError(f"The path of a Keras file ends in .keras, got {target}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=target.parent) as folder:
        partial = pathlib.Path(folder) / "model.keras"
        model.save(partial)
        with zipfile.ZipFile(partial, "a") as file:
            file.writestr(CONFIG_MEMBER, serialization.to_json(config))
        os.replace(partial, target)


class KerasFileReader(TensorReader):
    """The weights of a `.keras` file of ours, by the names of our checkpoints.

    One of keras.applications has the names of that.

    Args:
        path: of the file.

    Raises:
        ValueError: it is no such file, or it is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = os.fspath(path)
        self.config = _read_config(self.path)
        try:
            model = keras.saving.load_model(self.path, compile=False)
        except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{self.path} cannot be read as a Keras file of a network here: {error}"
            ) from error
        weights = {own_name(weight.path): weight for weight in model.weights}
        self._weights: Mapping[str, Any] = weights
        if self.config is None:
            theirs = keras_names.tensors_of(model)
            if keras_names.find_rules(theirs) is not None:
                self._weights = theirs
        self.shapes = {name: tuple(w.shape) for name, w in self._weights.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return keras.ops.convert_to_numpy(self._weights[name])


def _read_config(path: str) -> ModelConfig | None:
    """Returns the configuration in a Keras file, or None of one of another origin."""
    try:
        with zipfile.ZipFile(path) as file:
            text = file.read(CONFIG_MEMBER).decode("utf-8")
    except KeyError:
        log.warning(
            "%s does not say what network it holds: flags and defaults do.", path
        )
        return None
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(
            f"{path} cannot be read as a Keras file: {error}. It may be cut short: get "
            "it again."
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} cannot be read as a Keras file: its {CONFIG_MEMBER} is no text "
            f"({error})."
        ) from error
    try:
        return serialization.from_json(text)
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read as a Keras file of this version: {error}"
        ) from error
