# Licensed under the Apache License, Version 2.0.
"""The files of a run: checkpoints that are whole or not there.

A checkpoint is a TensorFlow bundle `model.ckpt-<step>` with plain names, readable by
`tf.train.load_checkpoint` without any object: `model/<variable path>`,
`model/<variable path>/ExponentialMovingAverage` where averages are kept,
`model/seed/<i>` for the state of the random layers, `optimizer/<variable path>` and
`global_step`, which is the position in the data too: order and augmentation are
functions of seed and step. The recipe lies beside them as `config.json`. The state file
`checkpoint` names the latest; it is replaced last, by a rename.
"""

import logging
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf.checkpoints.own_names import (
    MODEL,
    MOVING_AVERAGE,
    OPTIMIZER,
    SEED,
    STEP,
)
from deeplab_tf.checkpoints.readers import is_checkpoint, read_state_file
from deeplab_tf.config import serialization
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.data import text_files
from deeplab_tf.training.loop import NonFiniteLossError, seed_states
from deeplab_tf.training.moving_average import MovingAverage

log = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
STATE_FILE = "checkpoint"
_PREFIX = re.compile(r"model\.ckpt-(\d+)\.index$")
_MAX_LISTED = 20
# What TensorFlow's reader raises, by the place of the damage.
_READ_ERRORS = (tf.errors.OpError, IndexError, RuntimeError, ValueError)


def save_checkpoint(
    folder: str | os.PathLike,
    *,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    step: int,
    moving_average: MovingAverage | None = None,
    recipe: Recipe | None = None,
    keep: int = 5,
) -> str:
    """Saves all that training needs to go on, or nothing.

    The files are written into a folder of their own and moved into place when they
    are complete, so that a crash or a full disk leaves the last checkpoint as it was.

    Args:
        folder: where to; made if absent.
        model: the network, the state of its random layers included.
        optimizer: the optimizer, built.
        step: number of updates so far.
        moving_average: the averages of the weights; None without any.
        recipe: written as `config.json`; None leaves that file as it is.
        keep: how many of the latest checkpoints stay; older ones are removed.

    Returns:
        The prefix of the new checkpoint.

    Raises:
        NonFiniteLossError: a value is not finite; nothing was written.
        OSError: the disk is full, or the folder cannot be written.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        key: variable.numpy()
        for key, variable in checkpoint_variables(
            model, optimizer, moving_average
        ).items()
    }
    _check_finite(tensors, step)
    tensors[STEP] = np.int64(step)
    prefix = folder / f"model.ckpt-{step}"
    if recipe is not None:
        text_files.replace_text(folder / CONFIG_FILE, serialization.to_json(recipe))
    _write_bundle(prefix, tensors)
    others = [path for path in list_checkpoints(folder) if path != str(prefix)]
    kept = [*(others[-(keep - 1) :] if keep > 1 else []), str(prefix)]
    _write_state(folder, kept)
    for other in set(others) - set(kept):
        _remove_checkpoint(other)
    return str(prefix)


def list_checkpoints(folder: str | os.PathLike) -> list[str]:
    """Returns the prefixes of the complete checkpoints of a folder, by step."""
    found = []
    for path in pathlib.Path(folder).glob("model.ckpt-*.index"):
        match = _PREFIX.match(path.name)
        prefix = str(path.with_suffix(""))
        if match and os.path.exists(f"{prefix}.data-00000-of-00001"):
            found.append((int(match[1]), prefix))
    return [prefix for _, prefix in sorted(found)]


def latest_checkpoint(path: str | os.PathLike) -> str | None:
    """Returns the prefix that a path means, or None if there is no checkpoint.

    Args:
        path: a prefix (its `.index` file is one too), or a folder: then what its
            state file names, or without one its checkpoint of the highest step.
    """
    text = os.fspath(path)
    text = re.sub(r"\.(index|data-\d{5}-of-\d{5})$", "", text)
    if os.path.exists(f"{text}.index"):
        return text
    if not os.path.isdir(text):
        return None
    named = read_state_file(text)
    if named is not None and is_checkpoint(named):
        return named
    prefixes = list_checkpoints(text)
    return prefixes[-1] if prefixes else None


def restore_checkpoint(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    path: str | os.PathLike,
    *,
    moving_average: MovingAverage | None = None,
) -> int:
    """Restores what `save_checkpoint` saved, all of it.

    Returns:
        The number of updates so far.

    Raises:
        ValueError: the checkpoint is damaged, or of another network or optimizer.
    """
    tensors = read_checkpoint(path)
    if STEP not in tensors:
        raise ValueError(f"{path} is no checkpoint of a training: no {STEP!r}.")
    step = int(tensors.pop(STEP))
    _assign(checkpoint_variables(model, optimizer, moving_average), tensors, path)
    return step


def read_config(path: str | os.PathLike) -> Recipe:
    """Returns the recipe beside a checkpoint.

    Args:
        path: a prefix, a folder, or the file itself.

    Raises:
        ValueError: there is no `config.json`, or it is no recipe.
    """
    path = pathlib.Path(path)
    folder = path if path.is_dir() else path.parent
    file = path if path.name == CONFIG_FILE else folder / CONFIG_FILE
    if not file.is_file():
        raise ValueError(f"There is no {CONFIG_FILE} in {folder}.")
    try:
        recipe = serialization.from_json(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if not isinstance(recipe, Recipe):
        raise ValueError(f"{file} holds a {type(recipe).__name__}, not a Recipe.")
    return recipe


def read_checkpoint(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns all tensors of a checkpoint by name.

    Raises:
        ValueError: there is none, or its files are damaged.
    """
    prefix = latest_checkpoint(path)
    if prefix is None:
        raise ValueError(f"There is no checkpoint at {path}.")
    try:
        reader = tf.train.load_checkpoint(prefix)
        return {
            name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
        }
    except _READ_ERRORS as error:
        raise ValueError(
            f"The checkpoint {prefix} is damaged ({error}); take an older one."
        ) from error


def checkpoint_variables(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    moving_average: MovingAverage | None = None,
) -> dict[str, keras.Variable | tf.Variable]:
    """Returns the variables that a checkpoint holds, by the names it gives them."""
    variables = {MODEL + weight.path: weight for weight in model.weights}
    averages = {} if moving_average is None else moving_average.variables
    variables |= {MODEL + path + MOVING_AVERAGE: v for path, v in averages.items()}
    # Keras numbers seed generators and optimizers over the whole process; a name in a
    # file must not depend on what was built before.
    states = seed_states(model)
    variables |= {f"{SEED}{i}": state for i, state in enumerate(states)}
    slots = {
        OPTIMIZER + re.sub(r"^(\w+?)_\d+/", r"\1/", variable.path): variable
        for variable in optimizer.variables
    }
    expected = len(model.weights) + len(states) + len(optimizer.variables)
    expected += len(averages)
    if len(variables | slots) != expected:
        raise ValueError("Two variables of the network have the same path.")
    return variables | slots


def _assign(
    variables: Mapping[str, keras.Variable],
    tensors: Mapping[str, np.ndarray],
    path: str | os.PathLike,
) -> None:
    """Assigns every tensor to its variable, if names and shapes all agree."""
    problems = [
        f"missing in the checkpoint: {key} {tuple(variables[key].shape)}"
        for key in sorted(set(variables) - set(tensors))
    ]
    problems += [
        f"not in the network: {key} {tensors[key].shape}"
        for key in sorted(set(tensors) - set(variables))
    ]
    problems += [
        f"of another shape: {key} {tensors[key].shape} in the checkpoint, "
        f"{tuple(variables[key].shape)} in the network"
        for key in sorted(set(tensors) & set(variables))
        if tensors[key].shape != tuple(variables[key].shape)
    ]
    if problems:
        listed = problems[:_MAX_LISTED]
        if len(problems) > _MAX_LISTED:
            listed.append(f"and {len(problems) - _MAX_LISTED} more")
        raise ValueError(
            f"The checkpoint {path} is not of this network:\n  " + "\n  ".join(listed)
        )
    for key, variable in variables.items():
        variable.assign(tensors[key])


def _check_finite(tensors: Mapping[str, np.ndarray], step: int) -> None:
    """Raises NonFiniteLossError if a value to be saved is not finite."""
    for key, value in tensors.items():
        is_float = np.issubdtype(value.dtype, np.floating)
        if is_float and not np.isfinite(value).all():
            raise NonFiniteLossError(
                f"After step {step}, {key} holds values that are not finite; no "
                f"checkpoint was written. Lower the learning rate."
            )


def _write_bundle(prefix: pathlib.Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes a checkpoint beside its place and moves it there when it is complete."""
    for leftover in prefix.parent.glob(".partial-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = pathlib.Path(tempfile.mkdtemp(prefix=".partial-", dir=prefix.parent))
    try:
        with tf.device("CPU:0"):
            tf.raw_ops.SaveV2(
                prefix=str(partial / prefix.name),
                tensor_names=list(tensors),
                shape_and_slices=[""] * len(tensors),
                tensors=[tf.convert_to_tensor(value) for value in tensors.values()],
            )
        # The index last: a checkpoint without one is none.
        files = sorted(partial.iterdir(), key=lambda path: path.suffix == ".index")
        for path in files:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        pathlib.Path(f"{prefix}.index").unlink(missing_ok=True)
        for path in files:
            os.replace(path, prefix.parent / path.name)
        _sync_folder(prefix.parent)
    except (tf.errors.OpError, OSError) as error:
        raise OSError(
            f"The checkpoint {prefix} could not be written: "
            f"{text_files.reason(error)}. The last one is as it was. Make room, and "
            f"run the same command again to go on from it."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_state(folder: pathlib.Path, prefixes: Sequence[str]) -> None:
    """Writes TensorFlow's state file, which names the latest checkpoint."""
    names = [pathlib.Path(prefix).name for prefix in prefixes]
    lines = [f'model_checkpoint_path: "{names[-1]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
    text_files.replace_text(folder / STATE_FILE, "\n".join(lines) + "\n")


def _sync_folder(folder: pathlib.Path) -> None:
    """Brings names to the disk: what the state file names must be there."""
    if os.name == "nt":  # Windows opens no folders.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_checkpoint(prefix: str) -> None:
    """Removes the files of a checkpoint, the index first."""
    for suffix in (".index", ".data-00000-of-00001"):
        pathlib.Path(prefix + suffix).unlink(missing_ok=True)
