# Licensed under the Apache License, Version 2.0.
"""A backbone together with the numbers of all its convolutions."""

import dataclasses

from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyledBackbone:
    """A feature extractor with the style that its weights were trained with.

    Attributes:
        backbone: its configuration.
        style: norm, activation and padding: the `backbone_style` of a network.
    """

    backbone: BackboneConfig
    style: ConvStyle
