# Licensed under the Apache License, Version 2.0.
"""One paper a file: backbone in, dictionary of logits out."""

from collections.abc import Callable

import keras

from deeplab_tf.config.deeplab_v1 import DeepLabV1Config
from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.image_classifier import ImageClassifierConfig
from deeplab_tf.models.deeplab_v1 import build_deeplab_v1
from deeplab_tf.models.deeplab_v2 import build_deeplab_v2
from deeplab_tf.models.deeplab_v3 import build_deeplab_v3
from deeplab_tf.models.deeplab_v3plus import build_deeplab_v3plus
from deeplab_tf.models.image_classifier import build_image_classifier

_BUILDERS: dict[type, Callable[..., keras.Model]] = {
    DeepLabV1Config: build_deeplab_v1,
    DeepLabV2Config: build_deeplab_v2,
    DeepLabV3Config: build_deeplab_v3,
    DeepLabV3PlusConfig: build_deeplab_v3plus,
    ImageClassifierConfig: build_image_classifier,
}


def build_model(
    config: DeepLabV1Config
    | DeepLabV2Config
    | DeepLabV3Config
    | DeepLabV3PlusConfig
    | ImageClassifierConfig,
) -> keras.Model:
    """Builds the network that a configuration describes.

    Args:
        config: a configuration of one of the papers.

    Returns:
        A functional model from [B, H, W, 3] RGB in 0..255 (uint8 arrays are cast) to a
        dictionary with "semantic": [B, h, w, num_classes] float32 logits; a classifier
        of whole images, with "classes": [B, num_classes].

    Raises:
        ValueError: no paper has such a configuration.
    """
    if type(config) not in _BUILDERS:
        raise ValueError(
            f"No model is built from {type(config).__name__}; expected one of "
            f"{', '.join(cls.__name__ for cls in _BUILDERS)}."
        )
    return _BUILDERS[type(config)](config)
