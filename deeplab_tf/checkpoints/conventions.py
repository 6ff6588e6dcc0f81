# Licensed under the Apache License, Version 2.0.
"""What a file of weights says of its network besides them."""

import dataclasses
import logging
from typing import Any

from deeplab_tf.checkpoints.tensor_reader import TensorReader
from deeplab_tf.config.recipe import ModelConfig

log = logging.getLogger(__name__)


def adopt_conventions(config: ModelConfig, reader: TensorReader) -> ModelConfig:
    """Returns a configuration with the input scaling and resizing that a file states.

    A TFLite file states both; a network that was built otherwise gives other numbers
    with the same weights. A checkpoint states nothing, and nothing changes.

    Args:
        config: of a network for the file's weights.
        reader: the file.
    """
    scaling = reader.input_scaling
    backbone: Any = config.backbone
    if scaling is not None and not hasattr(backbone, "input_scaling"):
        log.warning(
            "%s takes pixels as (x - %g) / %g, and %s cannot be told to.",
            *(reader.path, scaling.mean[0], scaling.deviation[0]),
            backbone.variant,
        )
    elif scaling is not None and scaling != backbone.input_scaling:
        log.info(
            "%s takes pixels as (x - %g) / %g: so does the network.",
            *(reader.path, scaling.mean[0], scaling.deviation[0]),
        )
        backbone = dataclasses.replace(backbone, input_scaling=scaling)
        config = dataclasses.replace(config, backbone=backbone)
    resize = reader.resize
    if resize is not None and resize != config.head_style.resize:
        log.info("%s resizes as %r: so does the network.", reader.path, resize)
        style = dataclasses.replace(config.head_style, resize=resize)
        config = dataclasses.replace(config, head_style=style)
    return config
