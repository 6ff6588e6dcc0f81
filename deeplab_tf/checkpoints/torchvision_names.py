# Licensed under the Apache License, Version 2.0.
"""The names of torchvision's networks: DeepLabv3, and classifiers as backbones.

Reference: torchvision's models/segmentation/deeplabv3.py, models/resnet.py,
models/mobilenetv2.py and models/mobilenetv3.py.
"""

import re

from deeplab_tf.checkpoints.torch_names import aspp_modules, sequence

_UNIT = re.compile(r"^block(\d)_unit_(\d+)_(conv\d|shortcut)$")
_BLOCK = re.compile(r"^expanded_conv(?:_(\d+))?_(\w+?)(?:/(conv(?:_1)?))?$")

# Our parts behind the backbone, and what a state dict calls them.
DEEPLAB_V3_PARTS = (
    ("^logits/", r"^classifier\.4\."),
    ("^aspp/", r"^classifier\.[0-2]\."),
)

# Blocks of MobileNetV3 with squeeze-and-excitation, by the network's size.
_GATED = {"large": (3, 4, 5, 10, 11, 12, 13, 14), "small": (0, *range(3, 11))}
# Place of the 1x1 convolution behind the blocks.
_LAST = {"large": 16, "small": 12}


def resnet_modules(layer: str) -> tuple[str, str]:
    """Returns convolution and norm of one of our layers in a ResNet."""
    match = _UNIT.match(layer)
    if match is None:
        return layer, layer.replace("conv", "bn")
    block, unit, part = match.groups()
    module = f"layer{block}.{int(unit) - 1}"
    if part == "shortcut":
        return sequence(f"{module}.downsample")
    return f"{module}.{part}", f"{module}.{part.replace('conv', 'bn')}"


def mobilenet_v2_modules(layer: str) -> tuple[str, str]:
    """Returns convolution and norm of one of our layers in MobileNetV2's features."""
    match = _BLOCK.match(layer)
    if match is None:
        return sequence("0")
    block, part = int(match[1] or 0), match[2]
    parts = ["expand", "depthwise", "project"] if block else ["depthwise", "project"]
    module = f"{block + 1}.conv"
    if part == "project":
        return sequence(module, len(parts) - 1)
    return sequence(f"{module}.{parts.index(part)}")


def mobilenet_v3_modules(layer: str, *, size: str) -> tuple[str, str]:
    """Returns convolution and norm of one of our layers in MobileNetV3's features."""
    match = _BLOCK.match(layer)
    if match is None:
        return sequence("0" if layer == "conv" else str(_LAST[size]))
    block, part = int(match[1] or 0), match[2]
    parts = ["expand", "depthwise", "squeeze_excite", "project"]
    if not block:
        parts.remove("expand")
    if block not in _GATED[size]:
        parts.remove("squeeze_excite")
    module = f"{block + 1}.block.{parts.index(part)}"
    if part == "squeeze_excite":
        convolution = f"{module}.fc{1 if match[3] == 'conv' else 2}"
        return convolution, convolution
    return sequence(module)


def deeplab_v3_modules(layer: str) -> tuple[str, str]:
    """Returns convolution and norm of one of our layers behind the backbone."""
    if layer == "logits":
        return sequence("classifier", 4)
    if layer == "aspp/output_conv":
        return sequence("classifier", 1)
    return aspp_modules(layer.removeprefix("aspp/"), aspp="classifier.0")
