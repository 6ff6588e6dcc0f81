# Licensed under the Apache License, Version 2.0.
"""The names of kazuto1011/deeplab-pytorch's DeepLabv2.

Reference: its libs/models/deeplabv2.py and resnet.py.
"""

import re

_UNIT = re.compile(r"^block(\d)_unit_(\d+)_(conv\d|shortcut)$")
_PARTS = {
    "conv1": "reduce",
    "conv2": "conv3x3",
    "conv3": "increase",
    "shortcut": "shortcut",
}

# Our part behind the backbone, and what a state dict calls it.
DEEPLAB_V2_PARTS = (("^logits/", r"^(base\.)?aspp\."),)


def resnet_modules(layer: str) -> tuple[str, str]:
    """Returns convolution and norm of one of our layers in the ResNet."""
    match = _UNIT.match(layer)
    module = "layer1.conv1"
    if match is not None:
        block, unit, part = match.groups()
        module = f"layer{int(block) + 1}.block{unit}.{_PARTS[part]}"
    return f"{module}.conv", f"{module}.bn"


def classifier_modules(layer: str, *, prefix: str) -> tuple[str, str]:
    """Returns one of our convolutions behind the backbone, which has no norm.

    Args:
        layer: as `logits/branch0`.
        prefix: of all names, as `base.` of the network of three scales.
    """
    module = layer.replace("logits/branch", f"{prefix}aspp.c")
    return module, module
