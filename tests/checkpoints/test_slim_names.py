# Licensed under the Apache License, Version 2.0.
"""Names of research/deeplab for the networks in all head options."""

import numpy as np
import pytest

from deeplab_tf.checkpoints.slim_names import (
    MOVING_AVERAGE,
    MovingAverages,
    slim_name,
    slim_rules,
)
from deeplab_tf.config.deeplab_v1 import MULTI_SCALE_PLACES as PLACES
from deeplab_tf.models import build_model
from tests import goldens
from tests.models.model_cases import NETWORKS, WITHOUT_OPTIONS, config_of

NORM = tuple(f"BatchNorm/{n}" for n in ("gamma", "beta", "moving_mean"))
NORM += ("BatchNorm/moving_variance",)


def normed(*scopes):
    return [f"{scope}/{leaf}" for scope in scopes for leaf in ("weights", *NORM)]


def biased(*scopes):
    return [f"{scope}/{leaf}" for scope in scopes for leaf in ("weights", "biases")]


def separable(*scopes):
    depthwise = [
        f"{scope}_depthwise/{leaf}"
        for scope in scopes
        for leaf in ("depthwise_weights", *NORM)
    ]
    return depthwise + normed(*(f"{scope}_pointwise" for scope in scopes))


LOGITS = biased("logits/semantic")
V3 = normed("image_pooling", "aspp0", "concat_projection")
BRANCHES = ("aspp1", "aspp2", "aspp3")
ATROUS = V3 + separable(*BRANCHES)
PROJECTION = normed("decoder/feature_projection0")
TWO_PROJECTIONS = PROJECTION + normed("decoder/feature_projection0_1")
CONCAT = separable("decoder/decoder_conv0", "decoder/decoder_conv1")


# What the original's model.py builds behind the backbone, by hand.
def summed(branches):
    return biased("logits/semantic", *(f"logits/semantic_{i}" for i in branches))


SUMMED = summed((1, 2))
BRANCHES_OF_CELL = separable(*(f"meta_architecture/branch{i}" for i in range(5)))
CELL = BRANCHES_OF_CELL + normed("meta_architecture/concat_projection")
MULTI_SCALE = [f"{x}_{y}" for x in PLACES for y in ("conv", "fc")]
HEADS = {
    # research/deeplab has no VGG: these names are ours.
    "v1_large_fov": LOGITS,
    "v1_msc": biased(*MULTI_SCALE) + summed(range(1, 6)),
    "v2_vgg_aspp": summed(range(1, 4)),
    "v2": SUMMED,
    "v3_cell": CELL + LOGITS,
    "v3_cell_pyramid": CELL
    + [name.replace("architecture", "architecture_1") for name in CELL]
    + LOGITS,
    "v3plus_cell_stride_8": CELL + PROJECTION + CONCAT + LOGITS,
    "v3plus_summed": PROJECTION + CONCAT + SUMMED,
    "v3": V3 + LOGITS,
    "v3_atrous": ATROUS + LOGITS,
    "v3_atrous_dense": V3 + normed(*BRANCHES) + LOGITS,
    "v3_without_aspp": LOGITS,
    "v3_without_image_level": normed("aspp0", "concat_projection") + LOGITS,
    "v3_without_projection": normed("image_pooling", "aspp0") + LOGITS,
    "v3_gate": biased("image_pooling") + normed("aspp0", "concat_projection") + LOGITS,
    "v3plus": ATROUS + PROJECTION + CONCAT + LOGITS,
    "v3plus_without_aspp": PROJECTION + CONCAT + LOGITS,
    "v3plus_dense": ATROUS
    + PROJECTION
    + normed("decoder/decoder_conv0/decoder_conv0_1")
    + normed("decoder/decoder_conv0/decoder_conv0_2")
    + LOGITS,
    "v3plus_sum": ATROUS
    + PROJECTION
    + separable("decoder/decoder_split_sep_conv0")
    + LOGITS,
    "v3plus_sum_dense": ATROUS + PROJECTION + normed("decoder/decoder_conv0") + LOGITS,
    "v3plus_logits": ATROUS
    + biased("decoder/feature_projection0")
    + biased("decoder/decoder_conv0/decoder_conv0_1")
    + biased("decoder/decoder_conv0/decoder_conv0_2"),
    "v3plus_sum_logits": ATROUS
    + biased("decoder/feature_projection0", "decoder/decoder_conv0"),
    "v3plus_two_stages": ATROUS
    + TWO_PROJECTIONS
    + CONCAT
    + separable("decoder/decoder_conv0_1", "decoder/decoder_conv1_1")
    + LOGITS,
    "v3plus_two_stages_dense": ATROUS
    + TWO_PROJECTIONS
    + normed("decoder/decoder_conv0/decoder_conv0_1")
    + normed("decoder/decoder_conv0/decoder_conv0_2")
    + normed("decoder/decoder_conv0_1/decoder_conv0_1_1")
    + normed("decoder/decoder_conv0_1/decoder_conv0_1_2")
    + LOGITS,
    "v3plus_two_stages_sum": ATROUS
    + TWO_PROJECTIONS
    + separable("decoder/decoder_split_sep_conv0")
    + separable("decoder/decoder_split_sep_conv0_1")
    + LOGITS,
    "v3plus_two_stages_sum_dense": ATROUS
    + TWO_PROJECTIONS
    + normed("decoder/decoder_conv0", "decoder/decoder_conv0_1")
    + LOGITS,
}
for same, as_name in {
    "v1_7x7": "v1_large_fov",
    "v1_msc_full_size": "v1_msc",
    "v2_vgg_large_fov": "v1_large_fov",
    "v2_vgg_aspp_pyramid": "v2_vgg_aspp",
    "v2_kernel_1": "v2",
    "v2_pyramid": "v2",
    "v3_pyramid": "v3",
    "v3_pyramid_average": "v3",
    "v3_pyramid_window": "v3",
    "v3plus_pyramid": "v3plus",
    "v3_q_sigmoid_gate": "v3_gate",
    "v3_pooling_window": "v3",
    "v3_bounded": "v3_atrous",
    "v3_stride_8": "v3_atrous",
    "v3_stride_32": "v3",
    "v3plus_stride_8": "v3plus",
    "v3plus_resnet": "v3plus",
}.items():
    HEADS[same] = HEADS[as_name]


# A recorded network of each backbone's scope; the rest differ in their heads.
ONE_OF_EACH = (
    "mobilenet_v2_dm05_v3_os16",
    "mobilenet_v3_small_seg_os32",
    "mobilenet_edgetpu_v3_os16",
    "resnet_v1_18_v3_os16",
    "resnet_v1_50_beta_v3plus_os16",
    "xception_65_v3plus_os16",
)


@pytest.mark.parametrize("name", NETWORKS)
def test_variables_of_the_head_have_the_original_names(name):
    model = build_model(config_of(name))
    scope = "resnet_v1_18" if name == "v3plus_resnet" else "MobilenetV2"
    if name in WITHOUT_OPTIONS:
        scope = "vgg_16"
    names = [slim_name(weight.path, scope=scope) for weight in model.weights]
    assert len(set(names)) == len(names)
    head = [name for name in names if not name.startswith(f"{scope}/")]
    assert sorted(head) == sorted(HEADS[name])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("conv/kernel", "MobilenetV2/Conv/weights"),
        ("conv/norm/gamma", "MobilenetV2/Conv/BatchNorm/gamma"),
        (
            "expanded_conv_depthwise/depthwise_kernel",
            "MobilenetV2/expanded_conv/depthwise/depthwise_weights",
        ),
        (
            "expanded_conv_16_project/norm/moving_variance",
            "MobilenetV2/expanded_conv_16/project/BatchNorm/moving_variance",
        ),
        ("conv_1/norm/gamma", "MobilenetV3/Conv_1/BatchNorm/gamma"),
        (
            "expanded_conv_squeeze_excite/conv/kernel",
            "MobilenetV3/expanded_conv/squeeze_excite/Conv/weights",
        ),
        (
            "expanded_conv_14_squeeze_excite/conv_1/bias",
            "MobilenetV3/expanded_conv_14/squeeze_excite/Conv_1/biases",
        ),
        (
            "expanded_conv_21_expand/kernel",
            "MobilenetEdgeTPU/expanded_conv_21/expand/weights",
        ),
        ("conv5_3/bias", "vgg_16/conv5/conv5_3/biases"),
        ("fc6/kernel", "vgg_16/fc6/weights"),
        ("fc7_2/bias", "vgg_16/fc7_2/biases"),
        ("conv1/kernel", "resnet_v1_50/conv1/weights"),
        ("conv1_3/norm/beta", "resnet_v1_50/conv1_3/BatchNorm/beta"),
        (
            "block3_unit_6_conv2/kernel",
            "resnet_v1_50/block3/unit_6/bottleneck_v1/conv2/weights",
        ),
        (
            "block1_unit_1_shortcut/norm/gamma",
            "resnet_v1_18/block1/unit_1/lite_bottleneck_v1/shortcut/BatchNorm/gamma",
        ),
        ("entry_flow_conv1_2/kernel", "xception_65/entry_flow/conv1_2/weights"),
        (
            "middle_flow_block1_unit_16_separable_conv2/depthwise/depthwise_kernel",
            "xception_65/middle_flow/block1/unit_16/xception_module/"
            "separable_conv2_depthwise/depthwise_weights",
        ),
        (
            "exit_flow_block1_unit_1_shortcut/norm/moving_mean",
            "xception_65/exit_flow/block1/unit_1/xception_module/shortcut/BatchNorm/"
            "moving_mean",
        ),
    ],
)
def test_variables_of_the_backbone_have_the_original_names(path, expected):
    assert slim_name(path, scope=expected.partition("/")[0]) == expected


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.usefixtures("no_values")
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_variables_are_those_of_the_original(name, reference):
    golden = goldens.load(reference, name)
    model = build_model(golden.config)
    ours = {slim_name(w.path, scope=golden.scope): list(w.shape) for w in model.weights}
    assert ours == dict(golden.case["variables"])


@pytest.mark.parametrize(
    "name",
    [
        "global_step",
        "aspp0/weights/Momentum",
        "aspp0/BatchNorm/gamma/Adam_1",
        "aspp0/weights/ExponentialMovingAverage",
        "beta1_power",
        "MobilenetV2/Conv/weights_quant/min",
        "MobilenetV2/Conv/act_quant/MobilenetV2/Conv/act_quant/max/biased",
        "MobilenetV2/Conv_1/weights",
        "MobilenetV2/Logits/Conv2d_1c_1x1/biases",
        "MobilenetV3/Conv_2/weights",
        "MobilenetV3/Logits/Conv2d_1c_1x1/weights",
        "MobilenetEdgeTPU/Logits/Conv2d_1c_1x1/biases",
        "vgg_16/fc8/weights",
        "resnet_v1_50/logits/weights",
        "resnet_v1_50/mean_rgb",
        "xception_65/logits/biases",
        "MobilenetV2/Conv/weights_quant/min",
        "MobilenetV2/Conv/act_quant/MobilenetV2/Conv/act_quant/max/biased",
    ],
)
def test_what_no_network_needs_is_ignored(name):
    import re

    assert any(
        re.search(pattern, name) for pattern in slim_rules("MobilenetV2").ignored
    )


def test_moving_averages_replace_the_values_that_have_them():
    tensors = {
        "a/weights": np.array([1.0]),
        f"a/weights{MOVING_AVERAGE}": np.array([2.0]),
        "a/moving_mean": np.array([3.0]),
    }
    averages = MovingAverages(tensors)
    assert averages["a/weights"] == [2.0]
    assert averages["a/moving_mean"] == [3.0]
    assert set(averages) == set(tensors)
    assert len(averages) == 3


def test_missing_moving_averages_are_told():
    with pytest.raises(ValueError, match="holds no moving averages"):
        MovingAverages({"a/weights": np.array([1.0])})
