# Licensed under the Apache License, Version 2.0.
"""Scopes from the names that converters leave, and folded batch norm."""

import numpy as np
import pytest

from deeplab_tf.checkpoints.importer import WeightsMismatchError, import_weights
from deeplab_tf.checkpoints.slim_names import slim_rules
from deeplab_tf.checkpoints.tflite_names import UnfoldedNorm, is_bias, layer_scope
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.layers.atrous_conv import AtrousConv
from tests import contracts

FAKE_QUANT = "/weights_quant/FakeQuantWithMinMaxVars"


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        (f"a/Conv/Conv2D_Fold;a/Conv{FAKE_QUANT}", "a/Conv"),
        (f"a/b_1/depthwise{FAKE_QUANT}", "a/b_1/depthwise"),
        ("a/b_1/depthwise/depthwise_Fold;a/x", "a/b_1/depthwise"),
        ("a/b/depthwise/BatchNorm/FusedBatchNormV3;a/b/depthwise/d", "a/b/depthwise"),
        ("a/b/depthwise/depthwise", "a/b/depthwise"),
        ("a/b_depthwise/depthwise", "a/b_depthwise"),
        ("a/b/project/BatchNorm/FusedBatchNormV3;a/b;logits/Conv2D", "a/b/project"),
        ("logits/semantic/Conv2D", "logits/semantic"),
        ("logits/semantic/Conv2D1", "logits/semantic"),
        ("a/Conv/weights", "a/Conv"),
        ("a/Conv/weights/read", "a/Conv"),
        ("a/depthwise/depthwise_weights/read", "a/depthwise"),
        ("a/Conv_1/Relu6;a/Conv_1/Conv2D", "a/Conv_1"),
        ("a/expanded_conv_1/expand/add_fold", "a/expanded_conv_1/expand"),
        ("deeplab_v3plus_1/conv_1/convolution", "deeplab_tf/conv"),
        ("deeplab_v3_1/conv_1_2/convolution", "deeplab_tf/conv_1"),
        ("deeplab_v3/block_1_expand/convolution1", "deeplab_tf/block_1_expand"),
        (
            "deeplab_v3plus_1/decoder_1/decoder_conv1_1/depthwise_1/Relu;x/norm_1/y",
            "deeplab_tf/decoder/decoder_conv1/depthwise",
        ),
        ("conv", ""),
        ("arith.constant7", ""),
    ],
)
def test_scope_is_what_stands_before_the_operation(name, scope):
    assert layer_scope(name) == scope


def test_bias_and_folded_norm_are_told_apart():
    assert is_bias("a/BiasAdd;a/Conv2D;a/biases", "a")
    assert not is_bias("a/BatchNorm_Fold/bias", "a")
    assert not is_bias("b/BiasAdd", "a")


@pytest.fixture
def model():
    layer = AtrousConv(2, 1, style=ConvStyle(), name="conv")
    return contracts.model_of(layer, ((1, 1, 1, 3),))


RULES = slim_rules("MobilenetV2")
KERNEL = np.ones((1, 1, 3, 2), np.float32)


def file_of(scope="MobilenetV2/Conv", bias="folded_bias", value=(1, 2)):
    return {f"{scope}/weights": KERNEL, f"{scope}/{bias}": np.float32(value)}


@pytest.mark.parametrize("bias", ["folded_bias", "biases"])
def test_norm_that_was_folded_does_nothing_but_add(model, bias):
    tensors = UnfoldedNorm(file_of(bias=bias), model, RULES)
    import_weights(model, tensors, RULES)
    assert len(tensors) == len(model.weights) == 5
    x = np.ones((1, 1, 1, 3), np.float32)
    np.testing.assert_allclose(np.asarray(model([x]))[0, 0, 0], [4, 5], rtol=1e-6)


def test_bias_stays_a_bias_where_there_is_no_norm():
    layer = AtrousConv(2, 1, style=ConvStyle(), normalize=False, name="conv")
    model = contracts.model_of(layer, ((1, 1, 1, 3),))
    import_weights(model, UnfoldedNorm(file_of(), model, RULES), RULES)
    np.testing.assert_array_equal(layer.bias, [1, 2])


def test_layer_that_the_network_lacks_is_left_over(model):
    tensors = file_of() | file_of("MobilenetV2/Conv_2")
    with pytest.raises(WeightsMismatchError, match="MobilenetV2/Conv_2/weights"):
        import_weights(model, UnfoldedNorm(tensors, model, RULES), RULES)


def test_layer_that_the_file_lacks_is_missing(model):
    tensors = UnfoldedNorm({}, model, RULES)
    with pytest.raises(WeightsMismatchError, match="5 variables are missing"):
        import_weights(model, tensors, RULES)
