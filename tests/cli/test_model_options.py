# Licensed under the Apache License, Version 2.0.
"""The original's flat options to our configurations and back."""

import dataclasses
import logging

import pytest

from deeplab_tf.cli import model_options
from deeplab_tf.cli.model_options import build_config, change_config, options_of
from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.backbone import BACKBONES
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.deeplab_v3 import HEAD_STYLE, DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.nasnet import NASNetConfig
from deeplab_tf.config.resnet import RESNET_STYLE
from deeplab_tf.config.xception import BOUNDED_XCEPTION_STYLE, XCEPTION_STYLE
from tests.models.model_cases import NETWORKS, OPTIONS, config_of


def test_defaults_are_the_released_network():
    assert build_config({}) == DeepLabV3Config()


def test_decoder_makes_deeplab_v3plus():
    given = {"decoder_output_stride": (4,), "atrous_rates": (6, 12, 18)}
    assert build_config(given) == DeepLabV3PlusConfig()


@pytest.mark.parametrize("name", OPTIONS)
def test_options_describe_the_configuration(name):
    config = config_of(name)
    assert build_config(options_of(config)) == config
    options = options_of(config)
    for option, value in OPTIONS[name].items():
        assert options[option] == value


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_given_changes_nothing(name):
    config = config_of(name)
    assert change_config(config, {}) == config
    assert change_config(config, {}, from_checkpoint=True) == config


def test_number_of_classes_and_width_are_read():
    config = build_config({"num_classes": 11, "depth_multiplier": 0.5})
    assert config.num_classes == 11
    assert config.backbone.depth_multiplier == 0.5


def test_gate_depends_on_two_options():
    given = {"aspp_with_squeeze_and_excitation": True}
    assert build_config(given).aspp.image_gate == "sigmoid"
    given["image_se_uses_qsigmoid"] = True
    assert build_config(given).aspp.image_gate == "q_sigmoid"
    only = {"image_se_uses_qsigmoid": True}
    assert build_config(only).aspp.image_gate == "none"


def test_bounded_activation_is_that_of_the_head():
    config = build_config({"use_bounded_activation": True})
    assert config.head_style.activation == "relu6"
    assert config.backbone_style == build_config({}).backbone_style


def test_batch_norm_decay_where_it_is_given_is_that_of_all_norms():
    bare, given = build_config({}), build_config({"batch_norm_decay": 0.9})
    assert bare.backbone_style.norm_momentum == 0.997
    assert bare.head_style.norm_momentum == 0.9997
    assert given.backbone_style.norm_momentum == given.head_style.norm_momentum == 0.9


@pytest.mark.parametrize("variant", BACKBONES)
def test_variant_has_the_style_of_the_original(variant):
    config = build_config({"model_variant": variant})
    # That of hnasnet ends at stride 8, and the original's flag at 16.
    assert config.backbone == dataclasses.replace(BACKBONES[variant], output_stride=16)
    assert config.backbone_style == BACKBONES[variant].default_style
    assert config.head_style == HEAD_STYLE
    assert build_config(options_of(config)) == config


def test_other_variant_in_a_recipe_takes_its_own_style():
    style = ConvStyle(norm_epsilon=0.5)
    base = dataclasses.replace(DeepLabV3PlusConfig(), backbone_style=style)
    changed = change_config(base, {"model_variant": "resnet_v1_50_beta"})
    assert changed.backbone == BACKBONES["resnet_v1_50_beta"]
    assert changed.backbone_style == RESNET_STYLE
    with pytest.raises(ValueError, match="has model_variant=mobilenet_v2"):
        change_config(base, {"model_variant": "xception_65"}, from_checkpoint=True)


@pytest.mark.parametrize("variant", ["xception_65", "resnet_v1_18_beta"])
def test_other_variant_has_no_multi_grid_of_the_one_before(variant):
    backbone = dataclasses.replace(
        BACKBONES["resnet_v1_101_beta"], multi_grid=(1, 2, 4), output_stride=8
    )
    base = DeepLabV3PlusConfig(backbone=backbone)
    changed = change_config(base, {"model_variant": variant})
    assert changed.backbone.variant == variant
    assert changed.backbone.multi_grid == ()
    assert changed.backbone.output_stride == 8


def test_multi_grid_may_differ_from_a_checkpoint():
    config = DeepLabV3PlusConfig(backbone=BACKBONES["resnet_v1_101_beta"])
    given = {"multi_grid": (1, 2, 4), "output_stride": 8}
    changed = change_config(config, given, from_checkpoint=True)
    assert changed.backbone.multi_grid == (1, 2, 4)
    assert changed.aspp.atrous_rates == (12, 24, 36)
    assert options_of(changed)["multi_grid"] == (1, 2, 4)


def test_bounded_activation_changes_xception_and_no_resnet():
    bounded = {"use_bounded_activation": True}
    xception = build_config(bounded | {"model_variant": "xception_65"})
    assert xception.backbone_style == BOUNDED_XCEPTION_STYLE
    back = change_config(xception, {"use_bounded_activation": False})
    assert back.backbone_style == XCEPTION_STYLE
    resnet = build_config(bounded | {"model_variant": "resnet_v1_50"})
    assert resnet.backbone_style == RESNET_STYLE
    assert resnet.head_style.activation == "relu6"


@pytest.mark.parametrize(
    ("variant", "given", "warned"),
    [
        ("xception_65", {"depth_multiplier": 0.5}, True),
        ("xception_65", {"depth_multiplier": 1.0}, False),
        ("xception_65", {"multi_grid": (1, 2, 4)}, False),
        ("mobilenet_v2", {"multi_grid": (1, 2, 4)}, True),
        ("mobilenet_v2", {"depth_multiplier": 0.5}, False),
    ],
)
def test_option_that_a_backbone_does_not_have_is_told(variant, given, warned, caplog):
    build_config({"model_variant": variant} | given)
    assert (f"has no effect on {variant}" in caplog.text) == warned


def test_options_of_searched_networks_are_read():
    given = {
        "model_variant": "nas_hnasnet",
        "output_stride": 8,
        "nas_stem_output_num_conv_filters": 48,
        "nas_use_classification_head": True,
        "nas_remove_os32_stride": True,
        "drop_path_keep_prob": 0.9,
    }
    config = build_config(given)
    assert config.backbone == NASNetConfig(
        network="hnasnet",
        output_stride=8,
        filters=48,
        classification_head=True,
        remove_os32_stride=True,
        drop_path_keep_prob=0.9,
    )
    assert options_of(config).items() >= given.items()


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ({"output_stride": 8}, False),
        ({}, True),
        ({"nas_use_classification_head": True}, False),
    ],
    ids=str,
)
def test_stride_at_which_nothing_of_hnasnet_lies_is_told(given, warned, caplog):
    build_config({"model_variant": "nas_hnasnet"} | given)
    assert ("nas_hnasnet ends at stride 8" in caplog.text) == warned


def test_output_stride_of_hnasnet_alone_may_differ_from_a_checkpoint():
    given = {"output_stride": 8}
    hnasnet = build_config({"model_variant": "nas_hnasnet"})
    changed = change_config(hnasnet, given, from_checkpoint=True)
    assert changed.backbone.output_stride == 8
    pnasnet = build_config({"model_variant": "nas_pnasnet"})
    with pytest.raises(ValueError, match="has output_stride=16"):
        change_config(pnasnet, given, from_checkpoint=True)


def test_changed_output_stride_changes_the_rates(caplog):
    with caplog.at_level(logging.INFO):
        changed = change_config(DeepLabV3PlusConfig(), {"output_stride": 8})
    assert changed.backbone.output_stride == 8
    assert changed.aspp.atrous_rates == (12, 24, 36)
    assert "atrous rates become (12, 24, 36)" in caplog.text


def test_given_rates_are_taken_as_they_are():
    given = {"output_stride": 8, "atrous_rates": (1, 2, 3)}
    assert change_config(DeepLabV3PlusConfig(), given).aspp.atrous_rates == (1, 2, 3)


def test_what_has_no_flag_is_kept():
    style = ConvStyle(norm_epsilon=0.5, activation="relu6")
    config = dataclasses.replace(
        DeepLabV3PlusConfig(),
        backbone_style=style,
        aspp=ASPPConfig(dropout_rate=0.25),
    )
    changed = change_config(config, {"num_classes": 5})
    assert changed == dataclasses.replace(config, num_classes=5)


@pytest.mark.parametrize(
    "given",
    [
        {"output_stride": 8},
        {"atrous_rates": (1, 2, 3)},
        {"image_pooling_crop_size": (65, 65)},
        {"use_bounded_activation": True},
        {"depth_multiplier": 1.0},
    ],
    ids=str,
)
def test_options_that_keep_the_variables_may_differ_from_a_checkpoint(given):
    changed = change_config(DeepLabV3PlusConfig(), given, from_checkpoint=True)
    assert options_of(changed).items() >= given.items()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depth_multiplier": 0.5}, "has depth_multiplier=1.0"),
        ({"num_classes": 5}, "has num_classes=21"),
        ({"decoder_output_stride": (8, 4)}, r"has decoder_output_stride=\(4,\)"),
        ({"aspp_with_batch_norm": False}, "has aspp_with_batch_norm=True"),
    ],
    ids=str,
)
def test_options_that_change_the_variables_of_a_checkpoint_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        change_config(DeepLabV3PlusConfig(), given, from_checkpoint=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"model_variant": "resnet_v1_50", "multi_grid": (1, 2)},
            "resnet_v1_50 must have 3 rates",
        ),
        ({"model_variant": "vgg"}, "Unknown model_variant 'vgg'"),
        ({"output_stride": 4}, "output_stride must be 8, 16 or 32"),
        (
            {"decoder_output_stride": (4,), "decoder_output_is_logits": True},
            "256 filters and 21 classes",
        ),
    ],
    ids=str,
)
def test_impossible_options_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        build_config(given)


def test_every_option_has_a_default():
    given = dict.fromkeys(model_options.DEFAULTS, None)
    assert options_of(DeepLabV3PlusConfig()).keys() == given.keys()
