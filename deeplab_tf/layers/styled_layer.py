# Licensed under the Apache License, Version 2.0.
"""What the layers that take a configuration have in common."""

import keras

from deeplab_tf.config import serialization
from deeplab_tf.config.conv_style import ConvStyle


class StyledLayer(keras.layers.Layer):
    """A layer with a `ConvStyle`, which saving turns into JSON and back.

    Args:
        style: norm and activation of the convolutions inside.
    """

    def __init__(self, *, style: ConvStyle, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.style = style

    def get_config(self):
        """Returns the arguments of the constructor, configurations as dicts."""
        return super().get_config() | {"style": serialization.to_dict(self.style)}

    @classmethod
    def from_config(cls, config):
        """Builds the layer from what `get_config` returned."""
        decoded = {
            key: serialization.from_dict(value) if _is_configuration(value) else value
            for key, value in config.items()
        }
        return cls(**decoded)


def _is_configuration(value) -> bool:
    return isinstance(value, dict) and serialization.is_known(value.get("type"))
