# Licensed under the Apache License, Version 2.0.
"""Configurations as JSON, with a type tag; unknown fields are an error."""

import dataclasses
import difflib
import importlib
import json
from typing import Any

VERSION = 1

# Type tag -> module. Losses are configurations too; they are named and not imported
# here, since they are written on Keras.
_MODULES = {
    "ConvStyle": "deeplab_tf.config.conv_style",
    "PixelScaling": "deeplab_tf.config.pixel_scaling",
    "MobileNetV2Config": "deeplab_tf.config.mobilenet_v2",
    "MobileNetV3Config": "deeplab_tf.config.mobilenet_v3",
    "MobileNetEdgeTPUConfig": "deeplab_tf.config.mobilenet_edgetpu",
    "NASNetConfig": "deeplab_tf.config.nasnet",
    "ResNetConfig": "deeplab_tf.config.resnet",
    "VGGConfig": "deeplab_tf.config.vgg",
    "XceptionConfig": "deeplab_tf.config.xception",
    "ASPPConfig": "deeplab_tf.config.aspp",
    "DecoderConfig": "deeplab_tf.config.aspp",
    "ClassifierConfig": "deeplab_tf.config.aspp",
    "FullyConnectedClassifierConfig": "deeplab_tf.config.aspp",
    "CellBranch": "deeplab_tf.config.dense_prediction_cell",
    "DensePredictionCellConfig": "deeplab_tf.config.dense_prediction_cell",
    "ImagePyramidConfig": "deeplab_tf.config.image_pyramid",
    "ImageClassifierConfig": "deeplab_tf.config.image_classifier",
    "MultiScaleConfig": "deeplab_tf.config.deeplab_v1",
    "DeepLabV1Config": "deeplab_tf.config.deeplab_v1",
    "DeepLabV2Config": "deeplab_tf.config.deeplab_v2",
    "DeepLabV3Config": "deeplab_tf.config.deeplab_v3",
    "DeepLabV3PlusConfig": "deeplab_tf.config.deeplab_v3plus",
    "DataConfig": "deeplab_tf.config.data",
    "SlowStart": "deeplab_tf.config.train",
    "PolySchedule": "deeplab_tf.config.train",
    "StepSchedule": "deeplab_tf.config.train",
    "CosineSchedule": "deeplab_tf.config.train",
    "MultiStepSchedule": "deeplab_tf.config.train",
    "MomentumConfig": "deeplab_tf.config.train",
    "CaffeMomentumConfig": "deeplab_tf.config.train",
    "AdamConfig": "deeplab_tf.config.train",
    "TrainConfig": "deeplab_tf.config.train",
    "DenseCRFConfig": "deeplab_tf.config.dense_crf",
    "EvaluationConfig": "deeplab_tf.config.evaluation",
    "Recipe": "deeplab_tf.config.recipe",
    "SoftmaxCrossEntropy": "deeplab_tf.losses.softmax_cross_entropy",
}


def is_known(tag: Any) -> bool:
    """Returns whether `tag` names a configuration."""
    return isinstance(tag, str) and tag in _MODULES


def to_dict(config: Any) -> Any:
    """Returns a configuration as JSON types, each dataclass with its type tag."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        tag = type(config).__name__
        if tag not in _MODULES:
            raise ValueError(f"{tag} is no configuration that can be saved.")
        fields = dataclasses.fields(config)
        return {"type": tag} | {
            f.name: to_dict(getattr(config, f.name)) for f in fields
        }
    if isinstance(config, (list, tuple)):
        return [to_dict(item) for item in config]
    return config


def from_dict(data: Any) -> Any:
    """Returns the configuration that `to_dict` wrote; lists become tuples.

    Raises:
        ValueError: a type tag or a field is not known to this version.
    """
    if isinstance(data, list):
        return tuple(from_dict(item) for item in data)
    if not isinstance(data, dict):
        return data
    tag = data.get("type")
    if tag not in _MODULES:
        near = difflib.get_close_matches(str(tag), _MODULES)
        hint = f", near is {' or '.join(near)}" if near else ""
        raise ValueError(
            f"Unknown configuration type {tag!r}{hint}: the file is from another "
            "program, or from a newer version."
        )
    cls = getattr(importlib.import_module(_MODULES[tag]), tag)
    known = {field.name for field in dataclasses.fields(cls)}
    values = {key: from_dict(value) for key, value in data.items() if key != "type"}
    if unknown := sorted(set(values) - known):
        raise ValueError(
            f"{tag} has no field {', '.join(unknown)}; it has "
            f"{', '.join(sorted(known))}. The file is from another version."
        )
    try:
        return cls(**values)
    except TypeError as error:
        raise ValueError(f"{tag} cannot be read: {error}.") from error


def to_json(config: Any) -> str:
    """Returns a configuration as indented JSON with a version."""
    return json.dumps({"version": VERSION, "config": to_dict(config)}, indent=2) + "\n"


def from_json(text: str) -> Any:
    """Returns the configuration that `to_json` wrote.

    Raises:
        ValueError: the text is no JSON, or of another version.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"The configuration is not JSON: {error}.") from error
    if not isinstance(data, dict) or data.get("version") != VERSION:
        found = data.get("version") if isinstance(data, dict) else None
        raise ValueError(
            f"Expected a configuration of version {VERSION}, got {found!r}."
        )
    if "config" not in data:
        raise ValueError("The configuration has no field 'config'.")
    return from_dict(data["config"])
