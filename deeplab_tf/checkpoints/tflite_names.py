# Licensed under the Apache License, Version 2.0.
"""The names of layers in TFLite files, and batch norm that was folded into them."""

import dataclasses
import re
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from deeplab_tf.checkpoints.importer import NameRules, shapes_of
from deeplab_tf.checkpoints.slim_names import VARIABLES

# What a converter puts behind the scope of a layer: its operation, or a constant of it.
# A depthwise convolution stands in a scope that may have the same name.
_OPERATION = re.compile(
    r"(/(Conv2D|convolution|separable_conv2d|MatMul|BiasAdd|Relu6?"
    r"|add_fold|mul_fold|depthwise(?=_Fold)|(depthwise_)?weights(_quant/[^/]*)?|biases"
    r"|(BatchNorm|norm)(_Fold|_\d+)?/[^/]*|SpaceToBatchND|BatchToSpaceND"
    r"|read|ReadVariableOp)"
    r"|(?<=depthwise)/depthwise|(?<=depthwise_\d)/depthwise)"
    r"(_Fold)?(_bias)?(_?\d+)?$"
)

# The first scope of what is exported here; calling a network again numbers all scopes.
_OWN_MODEL = re.compile(r"^deeplab_v\d\w*?(?P<number>_\d+)?/")
OWN = "deeplab_tf/"

_KERNELS = ("kernel", "depthwise_kernel")


def layer_scope(name: str) -> str:
    """Returns the scope of the layer to which a tensor belongs.

    Args:
        name: of its kernel. Parts behind a `;` name operations with which a converter
            merged it, of other layers too.

    Returns:
        As `MobilenetV2/expanded_conv/project`; of a network that was exported here,
        `deeplab_tf/` and the path of the layer. "" where there is none.
    """
    scope = name.partition(";")[0]
    while (shorter := _OPERATION.sub("", scope)) != scope:
        scope = shorter
    own = _OWN_MODEL.match(scope)
    if own is None:
        return scope if scope != name.partition(";")[0] else ""
    parts = scope[own.end() :].split("/")
    if own["number"]:
        parts = [re.sub(r"_\d+$", "", part) for part in parts]
    return OWN + "/".join(parts)


def is_bias(name: str, scope: str) -> bool:
    """Returns whether a tensor is known to be a layer's own bias, and no folded norm.

    Args:
        name: of the tensor.
        scope: of the layer.
    """
    return any(part in name for part in (f"{scope}/BiasAdd", f"{scope}/biases"))


def _own_source_name(path: str) -> str:
    for pattern, replacement in VARIABLES:
        path = re.sub(pattern, replacement, path)
    return OWN + path


# Networks that were exported here.
OWN_TFLITE_RULES = NameRules(
    format="TFLite file of deeplab_tf",
    source_name=_own_source_name,
    skipped=tuple(
        (f"^{part}/", f"^{OWN}{part}/") for part in ("logits", "aspp", "decoder")
    ),
)


def folded_rules(rules: NameRules) -> NameRules:
    """Returns rules that say in reports that batch norm was folded."""
    return dataclasses.replace(
        rules, format=f"{rules.format}, batch norm folded into kernels and biases"
    )


class UnfoldedNorm(Mapping[str, np.ndarray]):
    """A file whose batch norms are folded, as a checkpoint that has them.

    Where the network has a batch norm, gamma is 1, beta the folded bias, the mean 0 and
    the variance 1 less the epsilon of that norm, so that the result is the file's.
    Elsewhere the bias is a bias; where the network has neither, it is left out if it
    is zero.

    Args:
        tensors: a file with `has_folded_norm`.
        model: the network.
        rules: of the names that the file would have as a checkpoint.
    """

    def __init__(
        self, tensors: Mapping[str, np.ndarray], model: keras.Model, rules: NameRules
    ):
        self._tensors = tensors
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._sources: dict[str, str] = {}
        self._constants: dict[str, float] = {}
        norms = _find_norms(model, rules)
        wanted = {rules.source_name(weight.path) for weight in model.weights}
        for name, shape in shapes_of(tensors).items():
            scope, _, kind = name.rpartition("/")
            if kind not in ("biases", "folded_bias"):
                self._add(name, name, shape)
            elif scope in norms:
                beta, constants = norms[scope]
                self._add(beta, name, shape)
                self._constants |= constants
                self.shapes |= dict.fromkeys(constants, shape)
            elif f"{scope}/biases" in wanted or np.any(tensors[name]):
                self._add(f"{scope}/biases", name, shape)

    def _add(self, name: str, source: str, shape: tuple[int, ...]) -> None:
        self.shapes[name] = shape
        self._sources[name] = source

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._constants:
            return np.full(self.shapes[name], self._constants[name], np.float32)
        return self._tensors[self._sources[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def _find_norms(
    model: keras.Model, rules: NameRules
) -> dict[str, tuple[str, dict[str, float]]]:
    """Returns scope -> (name of beta, values of gamma, mean and variance by name)."""
    paths = {weight.path for weight in model.weights}
    found = {}
    for layer in model._flatten_layers():
        if not hasattr(layer, "moving_variance"):
            continue
        parent = layer.moving_variance.path.rsplit("/", 2)[0]
        for kernel in _KERNELS:
            if f"{parent}/{kernel}" in paths:
                source = rules.source_name(f"{parent}/{kernel}")
                constants = {
                    layer.gamma.path: 1.0,
                    layer.moving_mean.path: 0.0,
                    layer.moving_variance.path: 1.0 - layer.epsilon,
                }
                found[source.rpartition("/")[0]] = (
                    rules.source_name(layer.beta.path),
                    {rules.source_name(path): x for path, x in constants.items()},
                )
    return found
