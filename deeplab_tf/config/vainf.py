# Licensed under the Apache License, Version 2.0.
"""The networks of VainF/DeepLabV3Plus-Pytorch, in our configurations.

Reference: its network/modeling.py and network/_deeplab.py.
"""

import dataclasses
from typing import Any

from deeplab_tf.config.aspp import ASPPConfig, DecoderConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.torchvision import (
    TORCH_RELU6_STYLE,
    TORCH_STYLE,
    torch_mobilenet_v2,
    torch_resnet,
)

# Its main.py: momentum 0.01 of the backbone.
_RESNET_STYLE = dataclasses.replace(TORCH_STYLE, norm_momentum=0.99)
_MOBILENET_STYLE = dataclasses.replace(TORCH_RELU6_STYLE, norm_momentum=0.99)
# ResNet of the name -> depth.
_RESNETS = {"resnet50": 50, "resnet101": 101}

BACKBONES = (*_RESNETS, "mobilenet")
HEADS = ("deeplabv3", "deeplabv3plus")


def vainf_config(
    name: str, *, output_stride: int = 16, num_classes: int = 21
) -> DeepLabV3Config | DeepLabV3PlusConfig:
    """Returns the configuration of a network by its name there.

    Args:
        name: as `deeplabv3plus_mobilenet`.
        output_stride: 8 or 16; the rates double at 8.
        num_classes: number of classes.

    Raises:
        ValueError: there is no such network.
    """
    head, _, backbone = name.partition("_")
    if head not in HEADS or backbone not in BACKBONES:
        names = ", ".join(f"{h}_{b}" for h in HEADS for b in BACKBONES)
        raise ValueError(f"Unknown network {name!r}; expected one of {names}.")
    common: dict[str, Any] = {
        "num_classes": num_classes,
        "head_style": TORCH_STYLE,
        "backbone_style": _RESNET_STYLE,
    }
    if backbone in _RESNETS:
        depth = _RESNETS[backbone]
        common["backbone"] = torch_resnet(depth, output_stride=output_stride)
    else:
        common["backbone"] = torch_mobilenet_v2(
            output_stride=output_stride, padding_place="block"
        )
        common["backbone_style"] = _MOBILENET_STYLE
    aspp = ASPPConfig(
        atrous_rates=(12, 24, 36) if output_stride == 8 else (6, 12, 18),
        separable=False,
        image_feature_place="last",
        output_conv=head == "deeplabv3",
    )
    if head == "deeplabv3":
        return DeepLabV3Config(aspp=aspp, **common)
    decoder = DecoderConfig(
        separable=False, low_level_place="first", num_convs=1, taps="torchvision"
    )
    return DeepLabV3PlusConfig(aspp=aspp, decoder=decoder, **common)


VAINF = {f"{h}_{b}": vainf_config(f"{h}_{b}") for h in HEADS for b in BACKBONES}
