# Licensed under the Apache License, Version 2.0.
"""PyTorch's .pth files as name -> array."""

import codecs
import os
import pickle
import types
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from deeplab_tf.checkpoints.tensor_reader import TensorReader
from deeplab_tf.checkpoints.torch_networks import infer_config

# Under these, training programs put the network beside their optimizer's state.
_STATE_KEYS = ("model_state", "state_dict", "model_state_dict", "model")
# What DataParallel puts before all names.
_PARALLEL = "module."


class TorchReader(TensorReader):
    """The tensors of a state dict by name; large files are mapped, not read.

    Files are read with `weights_only=True`: nothing in them is executed.

    Args:
        path: of the .pth file.

    Raises:
        ValueError: PyTorch is not installed, the file is damaged, it holds no state
            dict, or that of a network of torchvision or VainF that is not built here.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = os.fspath(path)
        tensors = _find_state_dict(_load(self.path), self.path)
        if all(name.startswith(_PARALLEL) for name in tensors):
            tensors = {n.removeprefix(_PARALLEL): x for n, x in tensors.items()}
        self._tensors = tensors
        self.shapes = {n: tuple(tensor.shape) for n, tensor in tensors.items()}
        self.config = infer_config(self.shapes)

    def __getitem__(self, name: str) -> np.ndarray:
        tensor = self._tensors[name].detach()
        # NumPy has no bfloat16; our variables are float32 in any case.
        return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _load(path: str) -> Any:
    torch = _import_torch(path)
    try:
        with torch.serialization.safe_globals(_plain_values()):
            return torch.load(
                path,
                map_location="cpu",
                weights_only=True,
                # Files from before PyTorch 1.6 are no archives and cannot be mapped.
                mmap=zipfile.is_zipfile(path),
            )
    except pickle.UnpicklingError as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{path} is damaged, or holds more than tensors and plain values and is "
            f"therefore not read: {reason} Save the state dict of the network alone: "
            "torch.save(model.state_dict(), path)."
        ) from error
    except (RuntimeError, ValueError, EOFError, KeyError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise ValueError(
            f"{path} cannot be read as a file of PyTorch: {reason or type(error)}. It "
            "may be cut short: get it again."
        ) from error


def _import_torch(path: str) -> types.ModuleType:
    try:
        import torch
    except ImportError as error:
        raise ValueError(
            f"{path} is a file of PyTorch, which is not installed here: "
            "pip install torch --index-url https://download.pytorch.org/whl/cpu, or "
            "pip install 'deeplab-tf[torch]'."
        ) from error
    return torch


def _plain_values() -> list[Any]:
    """Returns what training programs save beside tensors and is harmless.

    NumPy's numbers, as scores are, and the namespace of a command's arguments.
    """
    import argparse

    scalar = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(t)) for t in ("float64", "float32", "int64", "bool")}
    return [
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        (codecs.encode, "_codecs.encode"),
        np.dtype,
        *dtypes,
        argparse.Namespace,
    ]


def _find_state_dict(content: Any, path: str) -> dict[str, Any]:
    """Returns name -> tensor, wherever in a file it is."""
    import torch

    for key in _STATE_KEYS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    tensors = {}
    if isinstance(content, Mapping):
        tensors = {n: x for n, x in content.items() if isinstance(x, torch.Tensor)}
    if not tensors:
        found = ", ".join(map(str, content)) if isinstance(content, Mapping) else ""
        raise ValueError(
            f"{path} holds no state dict of a network: expected name -> tensor, or one "
            f"under {', '.join(_STATE_KEYS)}; found {found or type(content).__name__}."
        )
    return tensors
