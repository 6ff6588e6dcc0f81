# Licensed under the Apache License, Version 2.0.
"""Loads a checkpoint into a model, whichever of the known formats it has."""

import dataclasses
import logging
import os
from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np

from deeplab_tf.checkpoints import (
    adaptation,
    keras_names,
    own_names,
    slim_names,
    slim_options,
    tflite_names,
    torch_networks,
)
from deeplab_tf.checkpoints.importer import (
    ImportReport,
    NameRules,
    WeightsMismatchError,
)
from deeplab_tf.checkpoints.readers import open_checkpoint
from deeplab_tf.checkpoints.tensor_reader import TensorReader

log = logging.getLogger(__name__)

# TensorFlow 2 puts it into the names that it finds by walking through objects.
_OBJECT_MARK = "/.ATTRIBUTES/"

_SHOWN_NAMES = 5


def load_checkpoint(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    use_moving_averages: bool | None = None,
    skip: Sequence[str] = (),
    allow_backbone: bool = False,
) -> ImportReport:
    """Assigns every weight of a model from a checkpoint, or none.

    Args:
        model: a network of `build_model`.
        path: a prefix (`model.ckpt-30000`), one of its files, the single file of a V1
            checkpoint, a folder, or an archive (.tar.gz, .tgz, .tar, .zip); of
            research/deeplab, of slim's ImageNet classifiers, or one of ours. Also a
            frozen graph (.pb) and a TFLite file of research/deeplab, and a `.keras`
            file of ours.
        use_moving_averages: whether variables get the values of their exponential
            moving averages, if the checkpoint holds any. None takes those of a
            checkpoint of ours, whose validation scored them, and not those of
            research/deeplab.
        skip: regular expressions of our variable paths that keep their values:
            `^logits/` for another number of classes.
        allow_backbone: whether a checkpoint that holds nothing of any head, as that of
            a classifier of whole images, sets the backbone alone, and one of DeepLab v1
            without MSc all but that of a network with it.

    Returns:
        What was assigned, skipped and ignored; its text is a summary.

    Raises:
        ValueError: there is no checkpoint, its files are damaged, its format is not
            known, or it does not fit the model; then nothing was assigned.
    """
    with open_checkpoint(path) as reader:
        return load_tensors(
            model,
            reader,
            path=os.fspath(path),
            use_moving_averages=use_moving_averages,
            skip=skip,
            allow_backbone=allow_backbone,
        )


def load_tensors(
    model: keras.Model,
    reader: TensorReader,
    *,
    path: str | None = None,
    use_moving_averages: bool | None = None,
    skip: Sequence[str] = (),
    allow_backbone: bool = False,
) -> ImportReport:
    """Does what `load_checkpoint` does with a checkpoint that is open.

    Args:
        model: a network of `build_model`.
        reader: the open checkpoint.
        path: what messages call it; None is the reader's own path.
        use_moving_averages: see `load_checkpoint`.
        skip: see `load_checkpoint`.
        allow_backbone: see `load_checkpoint`.
    """
    path = path or reader.path
    rules = find_rules(reader, path=path)
    if allow_backbone and rules.is_backbone:
        log.warning("%s holds a backbone alone: the head stays as initialised.", path)
        skip = adaptation.skip_of_classifier(reader, rules)
    elif allow_backbone and (
        new := adaptation.skip_of_multi_scale(model, reader, rules)
    ):
        log.warning("%s has no MSc: it and the logits stay as initialised.", path)
        skip = (*skip, *new)
    tensors: Mapping[str, np.ndarray] = reader
    if use_moving_averages is None:
        use_moving_averages = rules is own_names.OWN_RULES and any(
            name.endswith(own_names.MOVING_AVERAGE) for name in reader
        )
    if use_moving_averages:
        tensors = slim_names.MovingAverages(reader)
    if getattr(reader, "has_folded_norm", False):
        tensors = tflite_names.UnfoldedNorm(reader, model, rules)
        rules = tflite_names.folded_rules(rules)
    try:
        report = adaptation.import_adapted(model, tensors, rules, path=path, skip=skip)
    except WeightsMismatchError as error:
        fitting = slim_options.guess_options(reader.shapes)
        if error.is_classifier or not fitting:
            raise
        raise WeightsMismatchError(
            f"{error}\nThe checkpoint looks like that of a network with the flags\n"
            f"  {slim_options.format_options(fitting)}"
        ) from error
    return dataclasses.replace(report, moving_averages=use_moving_averages)


def find_rules(names: Iterable[str], *, path: str) -> NameRules:
    """Returns the rules of the format to which tensor names belong.

    Args:
        names: names of a checkpoint's tensors.
        path: of the checkpoint, for the message.

    Raises:
        ValueError: the names are of no known format.
    """
    names = sorted(names)
    scopes = {name.partition("/")[0] for name in names}
    by_object = any(_OBJECT_MARK in name for name in names)
    if own_names.MODEL.rstrip("/") in scopes and not by_object:
        return own_names.OWN_RULES
    if tflite_names.OWN.rstrip("/") in scopes:
        return tflite_names.OWN_TFLITE_RULES
    if (scope := slim_names.find_scope(names)) is not None:
        is_backbone = slim_names.is_backbone(names)
        return slim_names.slim_rules(scope, is_backbone=is_backbone)
    if (network := torch_networks.find_network(names)) is not None:
        return network.rules
    if (rules := keras_names.find_rules(names)) is not None:
        return rules
    shown = ", ".join(names[:_SHOWN_NAMES]) or "nothing"
    raise ValueError(
        f"{path} is a checkpoint of no known network: expected variables of "
        f"research/deeplab (MobilenetV2/...), of this project ({own_names.MODEL}...), "
        "of torchvision, VainF/DeepLabV3Plus-Pytorch or keras.applications; found "
        f"{shown} ({len(names)} tensors)."
    )
