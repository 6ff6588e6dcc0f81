# Licensed under the Apache License, Version 2.0.
"""The names of keras.applications, whose networks our backbones can start from.

Reference: keras/src/applications/resnet.py, mobilenet_v2.py, mobilenet_v3.py and
vgg16.py.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from deeplab_tf.checkpoints.importer import NameRules
from deeplab_tf.config.keras_applications import CAFFE_SCALING

_VARIABLE = re.compile(
    r"^(.+?)/(kernel|depthwise_kernel|bias|"
    r"norm/(?:gamma|beta|moving_mean|moving_variance))$"
)
_HEAD = re.compile(r"^(aspp|dense_prediction_cell|decoder|logits)(/|$)")
_UNIT = re.compile(r"^block(\d)_unit_(\d+)_(?:conv(\d)|shortcut)$")
_BLOCK = re.compile(r"^expanded_conv_(\d+)_(\w+)$")

_VGG_CONV = re.compile(r"^conv(\d)_(\d)$")
_VGG_LAYERS = {"fc6": "fc1", "fc7": "fc2", "image_logits": "predictions"}
# Files of the first Keras: block1_conv1_W_1 for block1_conv1/kernel.
_FIRST_KERAS = re.compile(r"^\w+_([Wb])(?:_\d+)?$")

_RESNET_BIAS = re.compile(r"^(conv\d\w*)_conv/bias$")

# What the classifiers have behind our backbones.
_IGNORED = {
    "ResNet": (r"^(predictions|probs|fc1000)/",),
    "MobileNetV2": (r"^(Conv_1|Conv_1_bn|predictions)/",),
    "MobileNetV3": (r"^(conv_2|logits|predictions)/",),
    "VGG16": (r"^(fc1|fc2|predictions)/",),
}

# One tensor that a family has, and which no other one has.
_MARKS = {
    "ResNet": "conv2_block1_1_bn/gamma",
    "MobileNetV2": "bn_Conv1/gamma",
    "MobileNetV3": "expanded_conv_project_bn/gamma",
    "VGG16": "block5_conv3/kernel",
}
# What the first convolution sees where it is not known from the network.
_INPUT_SCALING = {"VGG16": CAFFE_SCALING}
# Those that a backbone here can start from.
FITTING = "ResNet50, 101 and 152, MobileNetV2, MobileNetV3 and VGG16"
_NOT_FITTING = {
    "block14_sepconv2_bn/gamma": (
        "Xception",
        "it pools where the Xception of DeepLab has strided separable convolutions, "
        "and has no norm inside them",
    ),
    "conv2_block1_preact_bn/gamma": (
        "ResNetV2",
        "its norms stand before the convolutions",
    ),
    "block5_conv4/kernel": (
        "VGG19",
        "its last blocks have four convolutions, and those of VGG-16 three",
    ),
}


def keras_name(path: str, *, layers: Callable[[str], tuple[str, str]]) -> str:
    """Returns what keras.applications calls our variable at `path`.

    Args:
        path: as `block1_unit_1_conv1/norm/gamma`.
        layers: our layer -> its (convolution, norm) there.
    """
    match = _VARIABLE.match(path)
    if match is None or _HEAD.match(path):
        return f"(no head)/{path}"
    convolution, norm = layers(match[1])
    if match[2].startswith("norm/"):
        return f"{norm}/{match[2].removeprefix('norm/')}"
    return f"{convolution}/{match[2].removeprefix('depthwise_')}"


def tensor_name(layer: str, weight: str) -> str:
    """Returns the name by which all kinds of files are read.

    Args:
        layer: as `expanded_conv/depthwise/BatchNorm`, which older files have for
            `expanded_conv_depthwise_bn`.
        weight: as `gamma:0`, perhaps behind the name of the layer.
    """
    variable = weight.rpartition("/")[2].partition(":")[0]
    if match := _FIRST_KERAS.match(variable):
        variable = {"W": "kernel", "b": "bias"}[match[1]]
    if "/" in layer or layer == "Conv":
        layer = layer.lower().replace("/batchnorm", "_bn").replace("/", "_")
    return f"{layer}/{variable.removeprefix('depthwise_')}"


def tensors_of(model: keras.Model) -> "FoldedBiases":
    """Returns the tensors of a model of keras.applications by layer and variable."""
    weights = {
        tensor_name(layer.name, weight.name): weight
        for layer in model.layers
        for weight in layer.weights
    }
    return FoldedBiases(weights)


def find_rules(names: Iterable[str]) -> NameRules | None:
    """Returns the rules of a network of keras.applications; None of another one.

    Raises:
        ValueError: no backbone here has its shape.
    """
    names = set(names)
    for mark, (family, why) in _NOT_FITTING.items():
        if mark in names:
            raise ValueError(
                f"keras.applications has {family} in a form that no backbone here "
                f"has: {why}. Those that fit are {FITTING}."
            )
    for family, mark in _MARKS.items():
        if mark in names:
            return NameRules(
                format=f"keras.applications {family}",
                source_name=functools.partial(keras_name, layers=_LAYERS[family]),
                ignored=_IGNORED[family],
                is_backbone=True,
                input_scaling=_INPUT_SCALING.get(family),
            )
    return None


class FoldedBiases(Mapping[str, np.ndarray]):
    """A ResNet whose convolutions have no biases: the means of the norms hold them.

    A norm takes the mean away, so what a convolution adds to each pixel can be taken
    from the mean as well; in training such a bias has no effect at all.

    Args:
        tensors: name -> array, or what has a shape and becomes one.
    """

    def __init__(self, tensors: Mapping[str, Any]):
        self._tensors = tensors
        shapes = {name: tuple(value.shape) for name, value in tensors.items()}
        self._biases = {
            f"{match[1]}_bn/moving_mean": name
            for name in shapes
            if (match := _RESNET_BIAS.match(name))
        }
        folded = set(self._biases.values())
        self.shapes = {n: shape for n, shape in shapes.items() if n not in folded}

    def __getitem__(self, name: str) -> np.ndarray:
        value = np.asarray(self._tensors[name])
        if name in self._biases:
            return value - np.asarray(self._tensors[self._biases[name]])
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def _resnet_layers(layer: str) -> tuple[str, str]:
    match = _UNIT.match(layer)
    if match is None:
        return f"{layer}_conv", f"{layer}_bn"
    block, unit, part = match.groups()
    name = f"conv{int(block) + 1}_block{unit}_{part or 0}"
    return f"{name}_conv", f"{name}_bn"


def _mobilenet_v2_layers(layer: str) -> tuple[str, str]:
    if layer == "conv":
        return "Conv1", "bn_Conv1"
    name = _BLOCK.sub(r"block_\1_\2", layer)
    return name, f"{name}_BN"


def _mobilenet_v3_layers(layer: str) -> tuple[str, str]:
    name = layer.replace("/", "_")
    return name, f"{name}_bn"


def _vgg_layers(layer: str) -> tuple[str, str]:
    name = _VGG_CONV.sub(r"block\1_conv\2", layer)
    return _VGG_LAYERS.get(name, name), ""


_LAYERS = {
    "ResNet": _resnet_layers,
    "MobileNetV2": _mobilenet_v2_layers,
    "MobileNetV3": _mobilenet_v3_layers,
    "VGG16": _vgg_layers,
}
