# Licensed under the Apache License, Version 2.0.
"""The original's flat model options to and from our configurations.

The original describes a network by some thirty flags, and the paper it belongs to
follows from them: with a decoder it is DeepLabv3+, without one DeepLabv3.
"""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

from deeplab_tf.config.aspp import ASPPConfig, DecoderConfig
from deeplab_tf.config.backbone import BACKBONES, BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.deeplab_v3 import HEAD_STYLE, DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
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
    "atrous_rates": None,
    "add_image_level_feature": True,
    "image_pooling_crop_size": None,
    "image_pooling_stride": (1, 1),
    "aspp_with_batch_norm": True,
    "aspp_with_separable_conv": True,
    "aspp_with_concat_projection": True,
    "aspp_with_squeeze_and_excitation": False,
    "aspp_convs_filters": 256,
    "image_se_uses_qsigmoid": False,
    "decoder_output_stride": None,
    "decoder_use_separable_conv": True,
    "decoder_use_sum_merge": False,
    "decoder_filters": 256,
    "decoder_output_is_logits": False,
    "use_bounded_activation": False,
    "batch_norm_decay": None,
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
        "use_bounded_activation",
        "batch_norm_decay",
    }
)

# Options that only some backbones have.
_BACKBONE_OPTIONS = ("depth_multiplier", "divisible_by", "multi_grid")

# Variants of the original whose networks are not built yet.
_NOT_BUILT = (
    "mobilenet_v3_large_seg",
    "mobilenet_v3_small_seg",
    "mobilenet_edgetpu",
    "nas_pnasnet",
    "nas_hnasnet",
)


def build_config(given: Mapping[str, Any]) -> ModelConfig:
    """Returns the network that the original would build from its flags.

    Args:
        given: options by the original's names; those that are absent have the
            original's defaults.

    Raises:
        ValueError: the options contradict each other or are not built yet.
    """
    options = DEFAULTS | dict(given)
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
    options = options_of(config)
    if from_checkpoint:
        for name, value in given.items():
            if name not in _KEEP_VARIABLES and value != options[name]:
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
    return _config_from_options(options | dict(given), parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelParts:
    """What of a configuration has no flag, and is kept when flags change it."""

    backbone: BackboneConfig = MobileNetV2Config()
    aspp: ASPPConfig = ASPPConfig()
    decoder: DecoderConfig = DecoderConfig()
    styles: tuple = ()

    @classmethod
    def of(cls, config: ModelConfig) -> "ModelParts":
        """Returns the parts of a configuration."""
        return cls(
            backbone=config.backbone,
            aspp=config.aspp or ASPPConfig(),
            decoder=getattr(config, "decoder", None) or DecoderConfig(),
            styles=(config.backbone_style, config.head_style),
        )


def options_of(config: ModelConfig) -> dict[str, Any]:
    """Returns a configuration as the original's options."""
    aspp = config.aspp or ASPPConfig(atrous_rates=(), image_level_feature=False)
    options = DEFAULTS | {
        "model_variant": config.backbone.variant,
        "num_classes": config.num_classes,
        "output_stride": config.backbone.output_stride,
        "atrous_rates": aspp.atrous_rates or None,
        "add_image_level_feature": aspp.image_level_feature,
        "image_pooling_crop_size": aspp.image_pooling_crop_size,
        "image_pooling_stride": aspp.image_pooling_stride,
        "aspp_with_batch_norm": config.aspp is not None,
        "aspp_with_separable_conv": aspp.separable,
        "aspp_with_concat_projection": aspp.concat_projection,
        "aspp_with_squeeze_and_excitation": aspp.image_gate != "none",
        "aspp_convs_filters": aspp.filters,
        "image_se_uses_qsigmoid": aspp.image_gate == "q_sigmoid",
        "use_bounded_activation": config.head_style.activation == "relu6",
    }
    for name in _BACKBONE_OPTIONS:
        if hasattr(config.backbone, name):
            options[name] = getattr(config.backbone, name)
    options["multi_grid"] = options["multi_grid"] or None
    if isinstance(config, DeepLabV3PlusConfig):
        options |= {
            "decoder_output_stride": config.decoder.output_strides,
            "decoder_use_separable_conv": config.decoder.separable,
            "decoder_use_sum_merge": config.decoder.merge == "sum",
            "decoder_filters": config.decoder.filters,
            "decoder_output_is_logits": config.decoder.output_is_logits,
        }
    return options


def _config_from_options(options: Mapping[str, Any], parts: ModelParts) -> ModelConfig:
    strides = tuple(options["decoder_output_stride"] or ())
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
        "aspp": _aspp_from_options(options, parts.aspp),
        "head_style": head_style,
    }
    if not strides:
        return DeepLabV3Config(**common)
    decoder = dataclasses.replace(
        parts.decoder,
        output_strides=strides,
        filters=options["decoder_filters"],
        separable=options["decoder_use_separable_conv"],
        merge="sum" if options["decoder_use_sum_merge"] else "concat",
        output_is_logits=options["decoder_output_is_logits"],
    )
    return DeepLabV3PlusConfig(decoder=decoder, **common)


def _aspp_from_options(
    options: Mapping[str, Any], base: ASPPConfig
) -> ASPPConfig | None:
    if not options["aspp_with_batch_norm"]:
        if options["atrous_rates"]:
            raise ValueError(
                "atrous_rates with aspp_with_batch_norm=false is DeepLabv2, which is "
                "not built yet; it is planned."
            )
        return None
    gate = "none"
    if options["aspp_with_squeeze_and_excitation"]:
        gate = "q_sigmoid" if options["image_se_uses_qsigmoid"] else "sigmoid"
    crop_size = options["image_pooling_crop_size"]
    return dataclasses.replace(
        base,
        filters=options["aspp_convs_filters"],
        atrous_rates=tuple(options["atrous_rates"] or ()),
        separable=options["aspp_with_separable_conv"],
        image_level_feature=options["add_image_level_feature"],
        image_pooling_crop_size=None if crop_size is None else tuple(crop_size),
        image_pooling_stride=tuple(options["image_pooling_stride"]),
        concat_projection=options["aspp_with_concat_projection"],
        image_gate=gate,
    )


def _backbone_from_options(
    options: Mapping[str, Any], base: BackboneConfig
) -> BackboneConfig:
    if base.variant != options["model_variant"]:
        base = BACKBONES[options["model_variant"]]
    changes = {name: options[name] for name in _BACKBONE_OPTIONS if hasattr(base, name)}
    if "multi_grid" in changes:
        changes["multi_grid"] = tuple(changes["multi_grid"] or ())
    return dataclasses.replace(base, output_stride=options["output_stride"], **changes)


def _like(config: ModelConfig, backbone: BackboneConfig) -> BackboneConfig:
    """Returns a backbone at the output stride of a configuration."""
    return dataclasses.replace(backbone, output_stride=config.backbone.output_stride)


def _xception_style(style: ConvStyle, *, bounded: bool) -> ConvStyle:
    """Returns a style with the activation and the padding of the original."""
    like = BOUNDED_XCEPTION_STYLE if bounded else XCEPTION_STYLE
    return dataclasses.replace(style, activation=like.activation, padding=like.padding)


def _warn_of_unused(given: Mapping[str, Any], backbone: BackboneConfig) -> None:
    """Warns of given options that this backbone does not have."""
    for name in _BACKBONE_OPTIONS:
        if hasattr(backbone, name) or given.get(name, DEFAULTS[name]) == DEFAULTS[name]:
            continue
        log.warning("--%s has no effect on %s.", name, backbone.variant)


def check_variant(variant: str) -> None:
    """Raises ValueError unless this is the name of a backbone that is built here."""
    if variant in BACKBONES:
        return
    built = ", ".join(BACKBONES)
    if variant in _NOT_BUILT:
        raise ValueError(
            f"model_variant {variant} of research/deeplab is not built yet; built are "
            f"{built}."
        )
    raise ValueError(f"Unknown model_variant {variant!r}; expected one of {built}.")
