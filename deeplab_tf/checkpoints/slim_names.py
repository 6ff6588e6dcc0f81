# Licensed under the Apache License, Version 2.0.
"""The names of research/deeplab's variables (tf_slim scopes)."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from deeplab_tf.checkpoints.importer import NameRules
from deeplab_tf.checkpoints.slim_backbones import BACKBONES, CLASSIFIERS
from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.config.vgg import MEAN_RGB

MOVING_AVERAGE = "/ExponentialMovingAverage"

_REPEATED = r"decoder/decoder_conv0\1/decoder_conv0\1_{}/"
_HEADS = (
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
    (r"^dense_prediction_cell((_\d+)?)/", r"meta_architecture\1/"),
    (r"^(meta_architecture\w*/branch\d+)/conv/", r"\1/"),
    (r"^(meta_architecture\w*/branch\d+)/(depthwise|pointwise)/", r"\1_\2/"),
    # The first of several summed convolutions has the name of a single one.
    (r"^logits/(branch0/)?(?!branch)", "logits/semantic/"),
    (r"^logits/branch(\d+)/", r"logits/semantic_\1/"),
)
VARIABLES = (
    (r"/norm/", "/BatchNorm/"),
    (r"/depthwise_kernel$", "/depthwise_weights"),
    (r"/kernel$", "/weights"),
    (r"/bias$", "/biases"),
)

# Its length is the number of classes.
LOGITS_BIAS = "logits/semantic/biases"

# MSc of DeepLab v1.
MULTI_SCALE = r"^(image|pool\d)_(conv|fc)/"
# Our variables behind the backbone, and what a checkpoint calls them.
HEAD = (
    "^logits/",
    "^aspp/",
    "^dense_prediction_cell",
    "^decoder/",
    MULTI_SCALE,
)
_HEAD_TENSORS = (
    r"^logits/",
    r"^(aspp\d+|image_pooling|concat_projection)(_\w+)?/",
    r"^meta_architecture",
    r"^decoder/",
    MULTI_SCALE,
)

# slim's preprocessing/vgg_preprocessing.py.
_VGG_PIXELS = PixelScaling(mean=MEAN_RGB)

_IGNORED = (
    r"^global_step$",
    r"/(Momentum|RMSProp(_1)?|Adam(_1)?)$",
    r"^beta[12]_power$",
    # Ranges of the activations and weights of networks that were trained for 8 bits.
    r"/(\w+_)?quant/",
    MOVING_AVERAGE + "$",
    *CLASSIFIERS,
    # What slim's networks subtract from pixels; here it is a number of the network.
    r"^(resnet_v1_\d+|vgg_16)/mean_rgb$",
)


def slim_name(path: str, *, scope: str) -> str:
    """Returns what research/deeplab calls our variable at `path`.

    Args:
        path: as `block1_unit_1_conv1/kernel`.
        scope: of the backbone: one of `BACKBONES`.
    """
    for pattern, replacement in BACKBONES[scope]:
        path = re.sub(pattern, replacement.format(scope=scope), path)
    for pattern, replacement in (*_HEADS, *VARIABLES):
        path = re.sub(pattern, replacement, path)
    return path


def slim_rules(scope: str, *, is_backbone: bool = False) -> NameRules:
    """Returns the rules of the networks with the backbone of a scope.

    Args:
        scope: one of `BACKBONES`.
        is_backbone: whether they are of a classifier of whole images by slim.
    """
    return NameRules(
        format="research/deeplab",
        source_name=functools.partial(slim_name, scope=scope),
        ignored=_IGNORED,
        skipped=tuple(zip(HEAD, _HEAD_TENSORS, strict=True)),
        is_backbone=is_backbone,
        input_scaling=_VGG_PIXELS if is_backbone and scope == "vgg_16" else None,
    )


def find_scope(names: Iterable[str]) -> str | None:
    """Returns the scope of the backbone of a checkpoint, or None if it has none."""
    scopes = {name.partition("/")[0] for name in names}
    return next((scope for scope in BACKBONES if scope in scopes), None)


def is_backbone(names: Iterable[str]) -> bool:
    """Returns whether a checkpoint has a known backbone and nothing of a head."""
    names = list(names)
    head = "|".join(_HEAD_TENSORS)
    return find_scope(names) is not None and not any(re.search(head, n) for n in names)


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
