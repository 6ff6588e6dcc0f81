# Licensed under the Apache License, Version 2.0.
"""The names of VainF/DeepLabV3Plus-Pytorch, where they are not torchvision's.

Reference: its network/_deeplab.py and network/modeling.py.
"""

from deeplab_tf.checkpoints import torchvision_names
from deeplab_tf.checkpoints.torch_names import aspp_modules, sequence

# What a decoder reads: the first of MobileNetV2's features.
_LOW_LEVEL_FEATURES = 4

# Our parts behind the backbone, and what a state dict calls them.
DEEPLAB_V3_PARTS = (
    ("^logits/", r"^classifier\.classifier\.4\."),
    ("^aspp/", r"^classifier\.classifier\.[0-2]\."),
)
DEEPLAB_V3PLUS_PARTS = (
    ("^logits/", r"^classifier\.classifier\.3\."),
    ("^aspp/", r"^classifier\.aspp\."),
    ("^decoder/", r"^classifier\.(project|classifier\.[01])\."),
)

_DECODER = {
    "decoder/feature_projection0": sequence("classifier.project"),
    "decoder/decoder_conv0": sequence("classifier.classifier"),
    "logits": sequence("classifier.classifier", 3),
}


def mobilenet_v2_modules(layer: str) -> tuple[str, str]:
    """Returns convolution and norm of one of our layers in MobileNetV2."""
    conv, norm = torchvision_names.mobilenet_v2_modules(layer)
    index = int(conv.partition(".")[0])
    level = "low" if index < _LOW_LEVEL_FEATURES else "high"
    return f"{level}_level_features.{conv}", f"{level}_level_features.{norm}"


def deeplab_v3_modules(layer: str) -> tuple[str, str]:
    """Returns convolution and norm of one of our layers behind the backbone."""
    conv, norm = torchvision_names.deeplab_v3_modules(layer)
    return f"classifier.{conv}", f"classifier.{norm}"


def deeplab_v3plus_modules(layer: str) -> tuple[str, str]:
    """Returns convolution and norm of one of our layers behind the backbone."""
    if layer in _DECODER:
        return _DECODER[layer]
    return aspp_modules(layer.removeprefix("aspp/"), aspp="classifier.aspp")
