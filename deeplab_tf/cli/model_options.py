# Licensed under the Apache License, Version 2.0.
"""The original's flat model options to and from our configurations.

The original describes a network by some thirty flags, and the paper it belongs to
follows from them: with a decoder it is DeepLabv3+, without one DeepLabv3.
"""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

from deeplab_tf.cli import head_options
from deeplab_tf.config.aspp import ASPPConfig, ClassifierConfig, DecoderConfig
from deeplab_tf.config.backbone import BACKBONES, BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.deeplab_v1 import DeepLabV1Config
from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
from deeplab_tf.config.deeplab_v3 import HEAD_STYLE, DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.dense_prediction_cell import DensePredictionCellConfig
from deeplab_tf.config.image_pyramid import ImagePyramidConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.nasnet import NASNetConfig
from deeplab_tf.config.recipe import ModelConfig, change_output_stride
from deeplab_tf.config.xception import (
    BOUNDED_XCEPTION_STYLE,
    XCEPTION_STYLE,
    XceptionConfig,
)

log = logging.getLogger(__name__)

# The defaults of research/deeplab, with which a bare checkpoint is read.
DEFAULTS: dict[str, Any] = {
    "model_variant": "mobilenet_v2",
    "num_classes": 21,
    "output_stride": 16,
    "depth_multiplier": 1.0,
    "divisible_by": None,
    "multi_grid": None,
    **head_options.DEFAULTS,
    "use_bounded_activation": False,
    "batch_norm_decay": None,
    "nas_stem_output_num_conv_filters": 20,
    "nas_use_classification_head": False,
    "nas_remove_os32_stride": False,
    "drop_path_keep_prob": 1.0,
}

# Options that leave the variables as they are, so that they may differ from those of
# a checkpoint.
_KEEP_VARIABLES = frozenset(
    {
        "output_stride",
        "multi_grid",
        "atrous_rates",
        "image_pooling_crop_size",
        "image_pooling_stride",
        "image_se_uses_qsigmoid",
        "image_pyramid",
        "merge_method",
        "use_bounded_activation",
        "batch_norm_decay",
        "drop_path_keep_prob",
    }
)

# Options that only some backbones have -> field of their configurations.
_BACKBONE_OPTIONS = {
    "depth_multiplier": "depth_multiplier",
    "divisible_by": "divisible_by",
    "multi_grid": "multi_grid",
    "nas_stem_output_num_conv_filters": "filters",
    "nas_use_classification_head": "classification_head",
    "nas_remove_os32_stride": "remove_os32_stride",
    "drop_path_keep_prob": "drop_path_keep_prob",
}

# Where the path of nas_hnasnet ends.
_HNASNET_STRIDE = 8


def build_config(given: Mapping[str, Any]) -> ModelConfig:
    """Returns the network that the original would build from its flags.

    Args:
        given: options by the original's names; those that are absent have the
            original's defaults.

    Raises:
        ValueError: the options contradict each other or are not built yet.
    """
    given = _with_cell(given)
    options = DEFAULTS | given
    check_variant(options["model_variant"])
    _warn_of_unused(given, BACKBONES[options["model_variant"]])
    return _config_from_options(options, ModelParts())


def change_config(
    config: ModelConfig, given: Mapping[str, Any], *, from_checkpoint: bool = False
) -> ModelConfig:
    """Returns a configuration with the options changed that were given.

    A changed output stride changes the atrous rates with it, unless these are given
    too.

    Args:
        config: what holds where nothing is given.
        given: options by the original's names.
        from_checkpoint: whether the variables must stay as `config` has them.

    Raises:
        ValueError: an option would change the variables of a checkpoint, or the
            options contradict each other.
    """
    given = _with_cell(given)
    options = options_of(config)
    if from_checkpoint:
        for name, value in given.items():
            keeps = _keeps_variables(name, config.backbone)
            if not keeps and value != options[name]:
                raise ValueError(
                    f"--{name}={value} does not fit the checkpoint, whose network has "
                    f"{name}={options[name]}: leave the flag out."
                )
        count = len(given.get("atrous_rates") or options["atrous_rates"] or ())
        if "atrous_rates" in given and count != len(options["atrous_rates"] or ()):
            raise ValueError(
                f"--atrous_rates={given['atrous_rates']} does not fit the checkpoint, "
                f"whose network has the rates {options['atrous_rates']}: give as many."
            )
    check_variant(given.get("model_variant", config.backbone.variant))
    parts = ModelParts.of(config)
    if (variant := given.get("model_variant")) not in (None, config.backbone.variant):
        # Another network, with the numbers that it has in the original.
        parts = dataclasses.replace(parts, backbone=BACKBONES[variant], styles=())
        config = dataclasses.replace(config, backbone=_like(config, parts.backbone))
        options = options_of(config)
    _warn_of_unused(given, parts.backbone)
    stride = given.get("output_stride")
    old = config.backbone.output_stride
    if stride and stride != old and given.get("atrous_rates") is None:
        config = change_output_stride(config, stride)
        options = options_of(config)
        parts = dataclasses.replace(parts, backbone=config.backbone)
    return _config_from_options(options | given, parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelParts:
    """What of a configuration has no flag, and is kept when flags change it."""

    config: ModelConfig | None = None
    backbone: BackboneConfig = MobileNetV2Config()
    aspp: ASPPConfig | DensePredictionCellConfig = ASPPConfig()
    decoder: DecoderConfig = DecoderConfig()
    image_pyramid: ImagePyramidConfig = ImagePyramidConfig()
    styles: tuple = ()

    @classmethod
    def of(cls, config: ModelConfig) -> "ModelParts":
        """Returns the parts of a configuration."""
        return cls(
            config=config,
            backbone=config.backbone,
            aspp=getattr(config, "aspp", None) or ASPPConfig(),
            decoder=getattr(config, "decoder", None) or DecoderConfig(),
            image_pyramid=config.image_pyramid or ImagePyramidConfig(),
            styles=(config.backbone_style, config.head_style),
        )


def options_of(config: ModelConfig) -> dict[str, Any]:
    """Returns a configuration as the original's options."""
    options = (
        DEFAULTS
        | head_options.options_of_head(config)
        | {
            "model_variant": config.backbone.variant,
            "num_classes": config.num_classes,
            "output_stride": config.backbone.output_stride,
            "use_bounded_activation": config.head_style.activation == "relu6",
        }
    )
    for name, field in _BACKBONE_OPTIONS.items():
        if hasattr(config.backbone, field):
            options[name] = getattr(config.backbone, field)
    options["multi_grid"] = options["multi_grid"] or None
    return options


def _config_from_options(options: Mapping[str, Any], parts: ModelParts) -> ModelConfig:
    backbone = _backbone_from_options(options, parts.backbone)
    backbone_style, head_style = parts.styles or (backbone.default_style, HEAD_STYLE)
    bounded = options["use_bounded_activation"]
    if isinstance(backbone, XceptionConfig):
        backbone_style = _xception_style(backbone_style, bounded=bounded)
    head_style = dataclasses.replace(
        head_style, activation="relu6" if bounded else "relu"
    )
    if (momentum := options["batch_norm_decay"]) is not None:
        backbone_style = dataclasses.replace(backbone_style, norm_momentum=momentum)
        head_style = dataclasses.replace(head_style, norm_momentum=momentum)
    common = {
        "num_classes": options["num_classes"],
        "backbone": backbone,
        "backbone_style": backbone_style,
        "head_style": head_style,
        "image_pyramid": head_options.pyramid_from_options(
            options, parts.image_pyramid
        ),
    }
    if isinstance(parts.config, DeepLabV1Config):
        head_options.check_head_is_kept(options, parts.config)
        del common["image_pyramid"]
        return dataclasses.replace(parts.config, **common)
    classifier = head_options.classifier_from_options(
        options, getattr(parts.config, "classifier", ClassifierConfig())
    )
    aspp = head_options.aspp_from_options(options, parts.aspp)
    decoder = head_options.decoder_from_options(options, parts.decoder)
    if decoder is not None:
        return DeepLabV3PlusConfig(
            aspp=aspp, decoder=decoder, classifier=classifier, **common
        )
    is_v2 = isinstance(parts.config, DeepLabV2Config) and aspp is None
    if classifier.atrous_rates or is_v2:
        return DeepLabV2Config(classifier=classifier, **common)
    return DeepLabV3Config(aspp=aspp, **common)


def _with_cell(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns given options with the dense prediction cell read, if one is named."""
    options = dict(given)
    if isinstance(cell := options.get("dense_prediction_cell_json"), str):
        options["dense_prediction_cell_json"] = head_options.read_cell(cell)
    return options


def _backbone_from_options(
    options: Mapping[str, Any], base: BackboneConfig
) -> BackboneConfig:
    if base.variant != options["model_variant"]:
        base = BACKBONES[options["model_variant"]]
    changes = {
        field: options[name]
        for name, field in _BACKBONE_OPTIONS.items()
        if hasattr(base, field)
    }
    if "multi_grid" in changes:
        changes["multi_grid"] = tuple(changes["multi_grid"] or ())
    backbone = dataclasses.replace(
        base, output_stride=options["output_stride"], **changes
    )
    if isinstance(backbone, NASNetConfig):
        _warn_of_other_stride(backbone)
    return backbone


def _warn_of_other_stride(backbone: NASNetConfig) -> None:
    """Warns if logits are brought to a stride at which nothing of a network lies."""
    stride = backbone.output_stride
    if (
        backbone.network == "hnasnet"
        and stride != _HNASNET_STRIDE
        and not backbone.classification_head
    ):
        log.warning(
            "%s ends at stride %d, and its logits are resized to stride %d: give "
            "--output_stride=%d.",
            backbone.variant,
            _HNASNET_STRIDE,
            stride,
            _HNASNET_STRIDE,
        )


def _keeps_variables(name: str, backbone: BackboneConfig) -> bool:
    """Returns whether an option leaves the variables of a network as they are."""
    if isinstance(backbone, NASNetConfig) and name == "output_stride":
        return not backbone.stride_changes_variables
    return name in _KEEP_VARIABLES


def _like(config: ModelConfig, backbone: BackboneConfig) -> BackboneConfig:
    """Returns a backbone at the output stride of a configuration."""
    return dataclasses.replace(backbone, output_stride=config.backbone.output_stride)


def _xception_style(style: ConvStyle, *, bounded: bool) -> ConvStyle:
    """Returns a style with the activation and the padding of the original."""
    like = BOUNDED_XCEPTION_STYLE if bounded else XCEPTION_STYLE
    return dataclasses.replace(style, activation=like.activation, padding=like.padding)


def _warn_of_unused(given: Mapping[str, Any], backbone: BackboneConfig) -> None:
    """Warns of given options that this backbone does not have."""
    for name, field in _BACKBONE_OPTIONS.items():
        is_default = given.get(name, DEFAULTS[name]) == DEFAULTS[name]
        if hasattr(backbone, field) or is_default:
            continue
        log.warning("--%s has no effect on %s.", name, backbone.variant)


def check_variant(variant: str) -> None:
    """Raises ValueError unless this is the name of a backbone that is built here."""
    if variant in BACKBONES:
        return
    built = ", ".join(BACKBONES)
    raise ValueError(f"Unknown model_variant {variant!r}; expected one of {built}.")
