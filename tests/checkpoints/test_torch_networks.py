# Licensed under the Apache License, Version 2.0.
"""State dicts of PyTorch's networks: which network, and what it calls our variables."""

import dataclasses

import keras
import numpy as np
import pytest

from deeplab_tf.backbones import build_backbone
from deeplab_tf.checkpoints.torch_names import torch_axes
from deeplab_tf.checkpoints.torch_networks import find_network, infer_config
from deeplab_tf.config.kazuto1011 import KAZUTO1011
from deeplab_tf.config.torchvision import TORCHVISION, TORCHVISION_BACKBONES
from deeplab_tf.config.vainf import VAINF, vainf_config


def resnet(prefix, units, *, basic=False):
    last = 2 if basic else 3
    names = [f"{prefix}conv1.weight", f"{prefix}layer1.0.conv1.weight"]
    names.append(f"{prefix}layer1.0.conv{last}.weight")
    return [*names, *(f"{prefix}layer3.{i}.conv1.weight" for i in range(units))]


RESNET50 = resnet("backbone.", 6)
RESNET101 = resnet("backbone.", 23)
MOBILENET_V3 = [f"backbone.{n}.weight" for n in ("0.0", "1.block.0.0", "16.0")]
VAINF_MOBILENET = ["backbone.low_level_features.0.0.weight"]
TORCHVISION_HEAD = ["classifier.0.convs.0.0.weight", "classifier.4.bias"]
VAINF_HEAD = [
    "classifier.classifier.0.convs.0.0.weight",
    "classifier.classifier.4.bias",
]
VAINF_PLUS_HEAD = ["classifier.aspp.convs.0.0.weight", "classifier.classifier.3.bias"]

NETWORKS = {
    "deeplabv3_resnet50": (
        RESNET50 + TORCHVISION_HEAD,
        TORCHVISION["deeplabv3_resnet50"],
    ),
    "deeplabv3_resnet101": (
        RESNET101 + TORCHVISION_HEAD,
        TORCHVISION["deeplabv3_resnet101"],
    ),
    "deeplabv3_mobilenet_v3_large": (
        MOBILENET_V3 + TORCHVISION_HEAD,
        TORCHVISION["deeplabv3_mobilenet_v3_large"],
    ),
    "vainf_deeplabv3_resnet101": (
        RESNET101 + VAINF_HEAD,
        VAINF["deeplabv3_resnet101"],
    ),
    "vainf_deeplabv3plus_resnet50": (
        RESNET50 + VAINF_PLUS_HEAD,
        VAINF["deeplabv3plus_resnet50"],
    ),
    "vainf_deeplabv3plus_mobilenet": (
        VAINF_MOBILENET + VAINF_PLUS_HEAD,
        VAINF["deeplabv3plus_mobilenet"],
    ),
    "kazuto1011": (
        ["layer1.conv1.conv.weight", "aspp.c0.bias"],
        KAZUTO1011["DeepLabV2_ResNet101"],
    ),
    "kazuto1011_three_scales": (
        ["base.layer1.conv1.conv.weight", "base.aspp.c0.bias"],
        KAZUTO1011["DeepLabV2_ResNet101_MSC"],
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network_is_known_by_its_names(name):
    names, expected = NETWORKS[name]
    config = infer_config(dict.fromkeys(names, (7,)))
    assert config == dataclasses.replace(expected, num_classes=7)


CLASSIFIERS = {
    "resnet18": resnet("", 2, basic=True),
    "resnet34": resnet("", 6, basic=True),
    "resnet50": resnet("", 6),
    "resnet152": resnet("", 36),
    "mobilenet_v2": ["features.0.0.weight", "features.1.conv.0.0.weight"],
    "mobilenet_v3_large": [
        "features.1.block.0.0.weight",
        "features.16.0.weight",
    ],
    "mobilenet_v3_small": ["features.1.block.0.0.weight", "features.12.0.weight"],
    # What kazuto1011's convert.py makes of Caffe's init.caffemodel.
    "DeepLabV1_ResNet101": ["layer1.conv1.conv.weight", "fc.weight"],
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_of_whole_images_is_a_backbone(name):
    network = find_network(CLASSIFIERS[name])
    assert network.name == name
    assert network.rules.is_backbone
    assert infer_config(dict.fromkeys(CLASSIFIERS[name], (1,))) is None


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
def test_backbone_has_its_parameters(name):
    """Of the classifier, less its last layers: torchvision's documentation."""
    whole = {"resnet18": 11689512, "resnet50": 25557032, "mobilenet_v2": 3504872}
    last = {
        "resnet18": 513 * 1000,
        "resnet50": 2049 * 1000,
        "mobilenet_v2": 1281 * 1000 + 322 * 1280,
    }
    form = TORCHVISION_BACKBONES[name]
    backbone = build_backbone(form.backbone, form.style)
    model = keras.Model(backbone.input, backbone.features)
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trained == whole[name] - last[name]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([*RESNET50, "classifier.4.weight"], "FCN or LR-ASPP, which is not built"),
        (resnet("backbone.", 5) + TORCHVISION_HEAD, "5 units in backbone.layer3"),
        (resnet("backbone.", 36) + TORCHVISION_HEAD, "resnet152 of torchvision"),
        (RESNET50 + VAINF_HEAD + ["classifier.0.body.0.bias"], "--separable_conv"),
        (RESNET50 + TORCHVISION_HEAD[:1], "has no classifier.4.bias"),
    ],
)
def test_other_networks_are_told(names, message):
    with pytest.raises(ValueError, match=message):
        infer_config(dict.fromkeys(names, (7,)))


@pytest.mark.parametrize("names", [[], ["generator.weight"], ["MobilenetV2/Conv/x"]])
def test_unknown_names_are_nobodys(names):
    assert find_network(names) is None


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("deeplabv3_resnet50", "conv1/kernel", "backbone.conv1.weight"),
        ("deeplabv3_resnet50", "conv1/norm/beta", "backbone.bn1.bias"),
        (
            "deeplabv3_resnet50",
            "block3_unit_6_conv2/norm/moving_mean",
            "backbone.layer3.5.bn2.running_mean",
        ),
        (
            "deeplabv3_resnet50",
            "block2_unit_1_shortcut/norm/gamma",
            "backbone.layer2.0.downsample.1.weight",
        ),
        (
            "deeplabv3_resnet50",
            "aspp/image_pooling/conv/norm/moving_variance",
            "classifier.0.convs.4.2.running_var",
        ),
        ("deeplabv3_resnet50", "aspp/output_conv/kernel", "classifier.1.weight"),
        ("deeplabv3_resnet50", "logits/bias", "classifier.4.bias"),
        (
            "deeplabv3_mobilenet_v3_large",
            "expanded_conv_depthwise/depthwise_kernel",
            "backbone.1.block.0.0.weight",
        ),
        (
            "deeplabv3_mobilenet_v3_large",
            "expanded_conv_3_squeeze_excite/conv_1/bias",
            "backbone.4.block.2.fc2.bias",
        ),
        (
            "deeplabv3_mobilenet_v3_large",
            "expanded_conv_3_project/kernel",
            "backbone.4.block.3.0.weight",
        ),
        (
            "deeplabv3_mobilenet_v3_large",
            "conv_1/norm/gamma",
            "backbone.16.1.weight",
        ),
        (
            "vainf_deeplabv3plus_mobilenet",
            "expanded_conv_2_project/norm/beta",
            "backbone.low_level_features.3.conv.3.bias",
        ),
        (
            "vainf_deeplabv3plus_mobilenet",
            "expanded_conv_3_expand/kernel",
            "backbone.high_level_features.4.conv.0.0.weight",
        ),
        (
            "vainf_deeplabv3plus_mobilenet",
            "decoder/decoder_conv0/norm/gamma",
            "classifier.classifier.1.weight",
        ),
        (
            "vainf_deeplabv3plus_mobilenet",
            "aspp/concat_projection/kernel",
            "classifier.aspp.project.0.weight",
        ),
        (
            "vainf_deeplabv3_resnet101",
            "aspp/aspp2/kernel",
            "classifier.classifier.0.convs.2.0.weight",
        ),
        (
            "kazuto1011_three_scales",
            "block4_unit_2_conv3/norm/gamma",
            "base.layer5.block2.increase.bn.weight",
        ),
        ("kazuto1011_three_scales", "logits/branch3/kernel", "base.aspp.c3.weight"),
    ],
)
def test_variables_have_their_names(name, path, expected):
    assert find_network(NETWORKS[name][0]).rules.source_name(path) == expected


def test_kernels_are_turned_into_our_layout():
    dense, depthwise = np.zeros((5, 4, 3, 2)), np.zeros((5, 1, 3, 2))
    found = dense.transpose(torch_axes("aspp/aspp1/kernel"))
    assert found.shape == (3, 2, 4, 5)
    found = depthwise.transpose(torch_axes("expanded_conv/depthwise_kernel"))
    assert found.shape == (3, 2, 5, 1)
    assert torch_axes("conv1/norm/gamma") is None


def test_rates_of_vainf_follow_the_output_stride():
    config = vainf_config("deeplabv3plus_resnet101", output_stride=8)
    assert config.aspp.atrous_rates == (12, 24, 36)
    with pytest.raises(ValueError, match="Unknown network 'deeplabv3_hrnetv2_48'"):
        vainf_config("deeplabv3_hrnetv2_48")
