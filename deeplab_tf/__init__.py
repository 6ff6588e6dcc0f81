# Licensed under the Apache License, Version 2.0.
"""The DeepLab family of segmentation networks on TensorFlow and Keras 3.

Importing the package imports nothing else: a name is looked up when it is used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> module.
_PUBLIC = {
    "AtrousConv": "deeplab_tf.layers.atrous_conv",
    "AtrousSeparableConv": "deeplab_tf.layers.atrous_conv",
    "ASPP": "deeplab_tf.layers.aspp",
    "Decoder": "deeplab_tf.layers.decoder",
    "build_backbone": "deeplab_tf.backbones",
    "build_model": "deeplab_tf.models",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'deeplab_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
