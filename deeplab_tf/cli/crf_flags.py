# Licensed under the Apache License, Version 2.0.
"""Which CRF refines the predictions, if any."""

import dataclasses
import os
import pathlib
from typing import Any

from absl import flags as absl_flags

from deeplab_tf.cli import flags
from deeplab_tf.config import serialization
from deeplab_tf.config.dense_crf import BACKENDS, PRESETS, DenseCRFConfig, get_preset

_NONE = "none"


def define() -> None:
    """Defines the flags of the CRF."""
    absl_flags.DEFINE_string(
        "crf",
        None,
        "Refine probabilities by a fully connected CRF: the parameters of a paper "
        f"({', '.join(PRESETS)}), a JSON file of tune_crf, or {_NONE}. Not given: what "
        "the recipe says.",
    )
    define_backend()


def define_backend() -> None:
    """Defines what computes the CRF."""
    absl_flags.DEFINE_enum(
        "crf_backend", None, BACKENDS, "What computes the CRF; pydensecrf is an extra."
    )


def check() -> None:
    """Checks what can be checked before a network is loaded.

    Raises:
        ValueError: the CRF of the flags is unknown or damaged, or its backend is not
            installed.
    """
    if not flags.is_given("crf"):
        return
    config = config_from_flags(None)
    if config is not None:
        check_backend(config.backend)


def check_backend(backend: str) -> None:
    """Checks that a backend is installed.

    Raises:
        ValueError: it is not.
    """
    if backend == "pydensecrf":
        from deeplab_tf.inference.pydensecrf_backend import import_pydensecrf

        import_pydensecrf()


def config_from_flags(default: DenseCRFConfig | None) -> DenseCRFConfig | None:
    """Returns the CRF: a given flag wins over that of the recipe.

    Args:
        default: of the recipe, which stays where a command has no such flags.

    Raises:
        ValueError: there is no such CRF, or a backend of none is asked for.
    """
    if "crf" not in flags.FLAGS:
        return default
    config = default
    if flags.is_given("crf"):
        config = read_crf(flags.FLAGS.crf)
    if not flags.is_given("crf_backend"):
        return config
    if config is None:
        raise ValueError(
            f"--crf_backend={flags.FLAGS.crf_backend} has no CRF to compute: give "
            "--crf too."
        )
    return dataclasses.replace(config, backend=flags.FLAGS.crf_backend)


def config_for_export(path: str | os.PathLike[str], info: Any) -> DenseCRFConfig | None:
    """Returns the CRF of the flags, around an exported network.

    Args:
        path: of the export, for the message.
        info: its `NetworkInfo`, if it has one.

    Raises:
        ValueError: the export holds one, or there is no such CRF.
    """
    held = None if info is None else info.crf
    if held is not None and (flags.is_given("crf") or flags.is_given("crf_backend")):
        raise ValueError(
            f"{path} holds a CRF already, and nothing outside of it changes that: "
            "leave --crf and --crf_backend out, or give the checkpoint."
        )
    return config_from_flags(None)


def read_crf(text: str) -> DenseCRFConfig | None:
    """Returns the CRF of a name or a file; None for "none".

    Raises:
        ValueError: there is no such preset or file, or the file holds none.
    """
    if text.lower() == _NONE:
        return None
    if text in PRESETS:
        return get_preset(text)
    path = pathlib.Path(text)
    if not path.is_file():
        raise ValueError(
            f"--crf={text} is neither a file nor known: expected one of "
            f"{', '.join(PRESETS)}, a JSON file of tune_crf, or {_NONE}."
        )
    try:
        config = serialization.from_json(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"--crf={os.fspath(path)} holds no CRF: {error}") from error
    if not isinstance(config, DenseCRFConfig):
        raise ValueError(
            f"--crf={os.fspath(path)} holds a {type(config).__name__}, and "
            "DenseCRFConfig was expected, as tune_crf writes it."
        )
    return config
