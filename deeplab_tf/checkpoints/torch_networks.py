# Licensed under the Apache License, Version 2.0.
"""Which of PyTorch's networks a state dict belongs to, told from its names."""

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from deeplab_tf.checkpoints import kazuto1011_names, torchvision_names, vainf_names
from deeplab_tf.checkpoints.importer import NameRules
from deeplab_tf.checkpoints.torch_names import Modules, torch_axes, torch_name
from deeplab_tf.config.kazuto1011 import KAZUTO1011
from deeplab_tf.config.pixel_scaling import CAFFE_SCALING
from deeplab_tf.config.recipe import ModelConfig
from deeplab_tf.config.torchvision import TORCHVISION
from deeplab_tf.config.vainf import VAINF

_IGNORED = (
    r"\.num_batches_tracked$",
    # A second head, which only torchvision's training reads.
    r"^aux_classifier\.",
)
# Tensor by which a classifier of whole images is known -> the module of its features,
# and what it has behind our backbones.
_CLASSIFIERS = {
    "layer1.0.conv1.weight": ("", (r"^fc\.",)),
    "features.1.conv.0.0.weight": (
        "features.",
        (r"^classifier\.", r"^features\.18\."),
    ),
    "features.1.block.0.0.weight": ("features.", (r"^classifier\.",)),
}

# Units of layer3 -> depth of a ResNet with bottlenecks, and without.
_DEPTHS = {6: 50, 23: 101, 36: 152}
_BASIC_DEPTHS = {2: 18, 6: 34}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TorchNetwork:
    """What the names of a state dict say.

    Attributes:
        name: of the network, as its source has it; of the backbone, if a training
            starts from it.
        rules: names, layouts and what is ignored.
        config: of the network, with the number of classes that it was published with;
            None of a backbone.
        classes: the tensor with one value for each class; "" without a config.
    """

    name: str
    rules: NameRules
    config: ModelConfig | None = None
    classes: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Head:
    """One kind of head, by its names.

    Attributes:
        format: where the network comes from.
        name: with which the names of networks begin.
        mark: pattern of a tensor that no other head has.
        modules: of our layers in it.
        parts: our parts, and what a state dict calls them.
        networks: name -> configuration.
    """

    format: str
    name: str
    mark: str
    modules: Modules
    parts: tuple[tuple[str, str], ...]
    networks: Mapping[str, Any]


_HEADS = (
    _Head(
        format="VainF/DeepLabV3Plus-Pytorch",
        name="deeplabv3plus",
        mark=r"^classifier\.aspp\.convs\.",
        modules=vainf_names.deeplab_v3plus_modules,
        parts=vainf_names.DEEPLAB_V3PLUS_PARTS,
        networks=VAINF,
    ),
    _Head(
        format="VainF/DeepLabV3Plus-Pytorch",
        name="deeplabv3",
        mark=r"^classifier\.classifier\.0\.convs\.",
        modules=vainf_names.deeplab_v3_modules,
        parts=vainf_names.DEEPLAB_V3_PARTS,
        networks=VAINF,
    ),
    _Head(
        format="torchvision",
        name="deeplabv3",
        mark=r"^classifier\.0\.convs\.",
        modules=torchvision_names.deeplab_v3_modules,
        parts=torchvision_names.DEEPLAB_V3_PARTS,
        networks=TORCHVISION,
    ),
)


def find_network(names: Iterable[str]) -> TorchNetwork | None:
    """Returns the network of a state dict; None where it is none of those here.

    Raises:
        ValueError: it is another network of these sources.
    """
    names = set(names)
    for head in _HEADS:
        if any(re.match(head.mark, name) for name in names):
            return _segmentation_network(names, head)
    for prefix in ("base.", ""):
        if f"{prefix}layer1.conv1.conv.weight" in names:
            is_backbone = f"{prefix}fc.weight" in names
            return _kazuto1011_network(prefix, is_backbone=is_backbone)
    for mark, (prefix, ignored) in _CLASSIFIERS.items():
        if mark in names:
            backbone, modules = _find_backbone(names, prefix)
            rules = NameRules(
                format="torchvision",
                source_name=functools.partial(
                    torch_name, backbone=modules, prefix=prefix
                ),
                ignored=(*_IGNORED, *ignored),
                is_backbone=True,
                axes=torch_axes,
            )
            return TorchNetwork(name=backbone, rules=rules)
    is_backbone = any(name.startswith("backbone.") for name in names)
    if is_backbone and {"classifier.4.weight", "classifier.cbr.0.weight"} & names:
        raise ValueError(
            "This is torchvision's FCN or LR-ASPP, which is not built here: only "
            f"{', '.join(TORCHVISION)} are."
        )
    return None


def infer_config(shapes: Mapping[str, tuple[int, ...]]) -> ModelConfig | None:
    """Returns the configuration of the network to which a state dict belongs.

    Output stride and rates leave no trace in it: they are the published ones.

    Args:
        shapes: name -> shape, in PyTorch's layout.

    Returns:
        None where it is no DeepLab of torchvision, VainF or kazuto1011.

    Raises:
        ValueError: it is another network of theirs.
    """
    network = find_network(shapes)
    if network is None or network.config is None:
        return None
    if network.classes not in shapes:
        raise ValueError(
            f"The state dict of {network.name} has no {network.classes}: its number of "
            "classes is not known. It may be cut short: get it again."
        )
    classes = shapes[network.classes][0]
    return dataclasses.replace(network.config, num_classes=classes)


def _segmentation_network(names: set[str], head: _Head) -> TorchNetwork:
    """Returns the network of torchvision or VainF that a state dict belongs to."""
    if any(".body." in name for name in names):
        raise ValueError(
            "This is a network of VainF with --separable_conv, whose separable "
            "convolutions have biases and no norm: it is not built here."
        )
    backbone, modules = _find_backbone(names, "backbone.")
    name = f"{head.name}_{backbone}"
    if name not in head.networks:
        raise ValueError(
            f"{name} of {head.format} is not built here; built are "
            f"{', '.join(head.networks)}."
        )
    rules = NameRules(
        format=head.format,
        source_name=functools.partial(
            torch_name, backbone=modules, prefix="backbone.", head=head.modules
        ),
        ignored=_IGNORED,
        skipped=head.parts,
        axes=torch_axes,
    )
    return TorchNetwork(
        name=name,
        rules=rules,
        config=head.networks[name],
        classes=rules.source_name("logits/bias"),
    )


def _kazuto1011_network(prefix: str, *, is_backbone: bool) -> TorchNetwork:
    """Returns kazuto1011's network; with a prefix it is that of three scales.

    A backbone is what it trains from: Caffe's init.caffemodel, by its convert.py.
    """
    rules = NameRules(
        format="kazuto1011/deeplab-pytorch",
        source_name=functools.partial(
            torch_name,
            backbone=kazuto1011_names.resnet_modules,
            prefix=prefix,
            head=functools.partial(kazuto1011_names.classifier_modules, prefix=prefix),
        ),
        ignored=(*_IGNORED, rf"^{re.escape(prefix)}fc\."),
        skipped=kazuto1011_names.DEEPLAB_V2_PARTS,
        is_backbone=is_backbone,
        axes=torch_axes,
        input_scaling=CAFFE_SCALING,
    )
    if is_backbone:
        return TorchNetwork(name="DeepLabV1_ResNet101", rules=rules)
    name = f"DeepLabV2_ResNet101{'_MSC' if prefix else ''}"
    return TorchNetwork(
        name=name,
        rules=rules,
        config=KAZUTO1011[name],
        classes=rules.source_name("logits/branch0/bias"),
    )


def _find_backbone(names: set[str], prefix: str) -> tuple[str, Modules]:
    """Returns name and modules of the feature extractor of a state dict."""
    if f"{prefix}low_level_features.0.0.weight" in names:
        return "mobilenet", vainf_names.mobilenet_v2_modules
    if f"{prefix}1.conv.0.0.weight" in names:
        return "mobilenet_v2", torchvision_names.mobilenet_v2_modules
    if f"{prefix}1.block.0.0.weight" in names:
        size = "large" if f"{prefix}16.0.weight" in names else "small"
        modules = functools.partial(torchvision_names.mobilenet_v3_modules, size=size)
        return f"mobilenet_v3_{size}", modules
    unit = re.compile(re.escape(prefix) + r"layer3\.(\d+)\.")
    units = len({match[1] for name in names if (match := unit.match(name))})
    is_basic = f"{prefix}layer1.0.conv3.weight" not in names
    depths = _BASIC_DEPTHS if is_basic else _DEPTHS
    if units not in depths:
        raise ValueError(
            f"This is a network of PyTorch with {units} units in {prefix}layer3, which "
            "is not built here; built are ResNets, MobileNetV2 and MobileNetV3."
        )
    return f"resnet{depths[units]}", torchvision_names.resnet_modules
