# Licensed under the Apache License, Version 2.0.
"""The names of research/deeplab's variables (tf_slim scopes)."""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from deeplab_tf.checkpoints.importer import NameRules

MOVING_AVERAGE = "/ExponentialMovingAverage"

_REPEATED = r"decoder/decoder_conv0\1/decoder_conv0\1_{}/"

# Applied in this order to the path of one of our variables.
_REPLACEMENTS = (
    (r"^conv/", "MobilenetV2/Conv/"),
    (r"^(expanded_conv(_\d+)?)_(expand|depthwise|project)/", r"MobilenetV2/\1/\3/"),
    (r"^aspp/image_pooling/conv/", "image_pooling/"),
    (r"^aspp/(aspp\d+)/(depthwise|pointwise)/", r"\1_\2/"),
    (r"^aspp/(aspp\d+|concat_projection)/", r"\1/"),
    # slim.repeat gives dense convolutions a scope of their own and counts from 1.
    (r"^decoder/decoder_conv0(_\d+)?/(?!dep|poi)", _REPEATED.format(1)),
    (r"^decoder/decoder_conv1(_\d+)?/(?!dep|poi)", _REPEATED.format(2)),
    (
        r"^decoder/decoder_sum_conv0(\w*)/(dep|poi)",
        r"decoder/decoder_split_sep_conv0\1/\2",
    ),
    (r"^decoder/decoder_sum_conv0(\w*)/", r"decoder/decoder_conv0\1/"),
    (r"^decoder/(decoder_\w*conv\d+\w*)/(depthwise|pointwise)/", r"decoder/\1_\2/"),
    (r"^logits/", "logits/semantic/"),
    (r"/norm/", "/BatchNorm/"),
    (r"/depthwise_kernel$", "/depthwise_weights"),
    (r"/kernel$", "/weights"),
    (r"/bias$", "/biases"),
)

_IGNORED = (
    r"^global_step$",
    r"/(Momentum|RMSProp(_1)?|Adam(_1)?)$",
    r"^beta[12]_power$",
    MOVING_AVERAGE + "$",
    # Classification layers, which DeepLab does not build.
    r"^MobilenetV2/(Conv_1|Logits|Predictions)/",
)


def slim_name(path: str) -> str:
    """Returns what research/deeplab calls our variable at `path`."""
    for pattern, replacement in _REPLACEMENTS:
        path = re.sub(pattern, replacement, path)
    return path


SLIM_RULES = NameRules(
    format="research/deeplab",
    source_name=slim_name,
    ignored=_IGNORED,
    skipped=(
        ("^logits/", r"^logits/"),
        ("^aspp/", r"^(aspp\d+|image_pooling|concat_projection)(_\w+)?/"),
        ("^decoder/", r"^decoder/"),
    ),
)


class MovingAverages(Mapping[str, np.ndarray]):
    """A checkpoint in which variables have the values of their moving averages.

    Variables without a shadow (the moving statistics) keep their own.

    Args:
        tensors: the checkpoint.

    Raises:
        ValueError: the checkpoint has no moving averages.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray]):
        self._tensors = tensors
        shapes = getattr(tensors, "shapes", None)
        self.shapes = shapes or {n: tuple(np.shape(v)) for n, v in tensors.items()}
        if not any(name.endswith(MOVING_AVERAGE) for name in self.shapes):
            raise ValueError(
                "The checkpoint holds no moving averages (*ExponentialMovingAverage): "
                "load it without them."
            )

    def __getitem__(self, name: str) -> np.ndarray:
        shadow = name + MOVING_AVERAGE
        return self._tensors[shadow if shadow in self.shapes else name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)
