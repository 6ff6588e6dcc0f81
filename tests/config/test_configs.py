# Licensed under the Apache License, Version 2.0.
"""What configurations refuse, and what they derive."""

import pytest

from deeplab_tf.config.aspp import DecoderConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3 import HEAD_STYLE, DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.mobilenet_v2 import MOBILENET_STYLE, MobileNetV2Config
from deeplab_tf.config.resnet import RESNET_STYLE, ResNetConfig
from deeplab_tf.config.train import TrainConfig
from deeplab_tf.config.xception import XCEPTION_STYLE, XceptionConfig


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (ConvStyle, {"norm_momentum": 1.0}, r"norm_momentum must lie in \[0, 1\)"),
        (ConvStyle, {"activation": "swish"}, "activation must be one of"),
        (ConvStyle, {"padding": "valid"}, "padding must be one of"),
        (DeepLabV3Config, {"num_classes": 1}, "num_classes must be at least 2, got 1"),
        (DeepLabV3PlusConfig, {"num_classes": 0}, "num_classes must be at least 2"),
        (
            DeepLabV3PlusConfig,
            {"decoder": DecoderConfig(output_is_logits=True)},
            "got 256 filters and 21 classes",
        ),
        (DataConfig, {"min_scale_factor": 3.0}, "0 < min <= max, got 3.0 and 2.0"),
        (DataConfig, {"crop_size": (0, 65)}, "crop_size must be positive"),
        (EvaluationConfig, {"scales": ()}, "scales must be positive"),
        (EvaluationConfig, {"scales": (1.0, 0.0)}, "scales must be positive"),
        (TrainConfig, {"batch_size": 0}, "at least 1, got 30000 and 0"),
        (TrainConfig, {"precision": "float64"}, "precision must be one of"),
    ],
)
def test_impossible_values_are_refused(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls(**options)


def test_norms_are_those_of_the_original():
    assert (MOBILENET_STYLE.norm_momentum, MOBILENET_STYLE.norm_epsilon) == (
        0.997,
        1e-3,
    )
    assert (RESNET_STYLE.norm_momentum, RESNET_STYLE.norm_epsilon) == (0.95, 1e-5)
    xception = (XCEPTION_STYLE.norm_momentum, XCEPTION_STYLE.norm_epsilon)
    assert xception == (0.9997, 1e-3)
    assert (HEAD_STYLE.norm_momentum, HEAD_STYLE.norm_epsilon) == (0.9997, 1e-5)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_logits_have_the_stride_of_the_backbone_or_of_the_last_stage(output_stride):
    backbone = MobileNetV2Config(output_stride=output_stride)
    assert DeepLabV3Config(backbone=backbone).logits_stride == output_stride
    decoder = DecoderConfig(output_strides=(8, 4))
    plus = DeepLabV3PlusConfig(backbone=backbone, decoder=decoder)
    assert plus.logits_stride == 4


def test_padding_is_what_input_scaling_turns_into_zero():
    assert MobileNetV2Config().padding_pixel == (127.5, 127.5, 127.5)


@pytest.mark.parametrize("cls", [DeepLabV3Config, DeepLabV3PlusConfig])
def test_style_is_that_of_the_backbone_unless_it_is_given(cls):
    assert cls().backbone_style == MOBILENET_STYLE
    assert cls(backbone=ResNetConfig()).backbone_style == RESNET_STYLE
    assert cls(backbone=XceptionConfig()).backbone_style == XCEPTION_STYLE
    # The style of all defaults is a choice, too.
    given = cls(backbone=ResNetConfig(), backbone_style=ConvStyle())
    assert given.backbone_style == ConvStyle()


def test_configurations_take_keywords_alone():
    with pytest.raises(TypeError):
        ConvStyle(0.9)
