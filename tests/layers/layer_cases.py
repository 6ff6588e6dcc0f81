# Licensed under the Apache License, Version 2.0.
"""The table of layers under the contract; needs no TensorFlow."""

import dataclasses
from collections.abc import Callable
from typing import Any

from deeplab_tf.config.aspp import ASPPConfig, DecoderConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.dense_prediction_cell import (
    CellBranch,
    DensePredictionCellConfig,
)
from deeplab_tf.layers.aspp import ASPP
from deeplab_tf.layers.atrous_classifier import AtrousClassifier
from deeplab_tf.layers.atrous_conv import (
    AtrousConv,
    AtrousDepthwiseConv,
    AtrousSeparableConv,
)
from deeplab_tf.layers.batch_norm import BatchNorm
from deeplab_tf.layers.decoder import Decoder
from deeplab_tf.layers.dense_prediction_cell import DensePredictionCell
from deeplab_tf.layers.drop_path import DropPath
from deeplab_tf.layers.image_pooling import ImagePooling
from deeplab_tf.layers.input_scaling import InputScaling
from deeplab_tf.layers.max_pooling import AtrousMaxPool
from deeplab_tf.layers.resize_like import ResizeLike
from deeplab_tf.layers.separable_conv import SeparableConv
from deeplab_tf.layers.squeeze_excite import SqueezeExcite
from deeplab_tf.layers.summed_classifier import SummedClassifier

STYLE = ConvStyle(norm_momentum=0.9, norm_epsilon=1e-3, activation="relu")
EXPLICIT = dataclasses.replace(STYLE, padding="explicit")


@dataclasses.dataclass(frozen=True)
class Case:
    """How to make a layer, and what its inputs look like.

    Attributes:
        build: makes the layer from `name` and `dtype`.
        inputs: of each input, how many times smaller it is, and its channels.
    """

    build: Callable[..., Any]
    inputs: tuple[tuple[int, int], ...]

    def shapes(self, *, batch=1, height=13, width=9):
        return [
            (batch, -(-height // factor), -(-width // factor), channels)
            for factor, channels in self.inputs
        ]


def _styled(cls, *args, channels=4, style=STYLE, **options):
    def build(**given):
        return cls(*args, style=style, **options, **given)

    return Case(build, ((1, channels),))


def _aspp(**options):
    def build(**given):
        config = ASPPConfig(filters=5, **options)
        return ASPP(config, style=STYLE, output_stride=16, **given)

    return Case(build, ((1, 4),))


def _decoder(*, inputs=((4, 6), (1, 4)), strides=(4,), **options):
    def build(**given):
        config = DecoderConfig(
            output_strides=strides, filters=5, projected_filters=3, **options
        )
        return Decoder(config, style=STYLE, **given)

    return Case(build, inputs)


def _cell(*, output_stride=16, **options):
    branches = (
        CellBranch(rate=(1, 6)),
        CellBranch(kernel_size=1, input=0),
        CellBranch(operation="pyramid_pooling", grid_size=(2, 1)),
        CellBranch(rate=(3, 2), input=2),
    )

    def build(**given):
        config = DensePredictionCellConfig(
            branches=branches, filters=3, projection_filters=5, **options
        )
        return DensePredictionCell(
            config, style=STYLE, output_stride=output_stride, **given
        )

    return Case(build, ((1, 4),))


def _summed_classifier(inputs, **options):
    def build(**given):
        return SummedClassifier(5, len(inputs), style=STYLE, **options, **given)

    return Case(build, inputs)


TWO_STAGES = {"strides": (8, 4), "inputs": ((4, 6), (2, 4), (1, 3))}

CASES = {
    "conv": _styled(AtrousConv, 5),
    "conv_strided": _styled(AtrousConv, 5, stride=2, activation="relu6"),
    "conv_explicit": _styled(AtrousConv, 5, stride=2, style=EXPLICIT),
    "conv_atrous": _styled(AtrousConv, 5, rate=3),
    "conv_with_bias": _styled(AtrousConv, 5, 1, normalize=False),
    "depthwise": _styled(AtrousDepthwiseConv),
    "depthwise_strided": _styled(AtrousDepthwiseConv, stride=2),
    "depthwise_explicit": _styled(AtrousDepthwiseConv, stride=2, style=EXPLICIT),
    "depthwise_atrous": _styled(AtrousDepthwiseConv, rate=2, activation="relu6"),
    "separable": _styled(AtrousSeparableConv, 5),
    "separable_atrous": _styled(AtrousSeparableConv, 5, rate=6),
    "separable_strided": _styled(AtrousSeparableConv, 5, stride=2, activation=None),
    "separable_clipped": _styled(AtrousSeparableConv, 5, activation="clip6"),
    "batch_norm": Case(lambda **given: BatchNorm(**given), ((1, 4),)),
    "batch_norm_synchronized": Case(
        lambda **given: BatchNorm(synchronized=True, **given), ((1, 4),)
    ),
    "image_pooling": _styled(ImagePooling, 5),
    "image_pooling_window": _styled(ImagePooling, 5, window=(4, 3)),
    "image_pooling_clamped": _styled(ImagePooling, 5, window=(99, 3)),
    "image_pooling_strided": _styled(ImagePooling, 5, window=(4, 3), stride=(3, 2)),
    "image_pooling_gate": _styled(ImagePooling, 5, gate="sigmoid"),
    "aspp": _aspp(),
    "aspp_without_rates": _aspp(atrous_rates=()),
    "aspp_dense": _aspp(separable=False, atrous_rates=(2,)),
    "aspp_output_conv": _aspp(output_conv=True, image_feature_place="last"),
    "aspp_window": _aspp(image_pooling_crop_size=(65, 65)),
    "aspp_without_image_level": _aspp(image_level_feature=False),
    "aspp_without_projection": _aspp(concat_projection=False),
    "aspp_gate": _aspp(image_gate="q_sigmoid"),
    "decoder": _decoder(),
    "decoder_dense": _decoder(separable=False),
    "decoder_low_level_first": _decoder(low_level_place="first", num_convs=1),
    "decoder_sum": _decoder(merge="sum"),
    "decoder_sum_dense": _decoder(merge="sum", separable=False),
    "decoder_logits": _decoder(output_is_logits=True),
    "decoder_sum_logits": _decoder(merge="sum", output_is_logits=True),
    "decoder_two_stages": _decoder(**TWO_STAGES),
    "decoder_two_stages_sum": _decoder(merge="sum", **TWO_STAGES),
    "squeeze_excite": _styled(SqueezeExcite, 3),
    "max_pool": Case(lambda **given: AtrousMaxPool(**given), ((1, 4),)),
    "max_pool_strided": Case(
        lambda **given: AtrousMaxPool(3, stride=2, **given), ((1, 4),)
    ),
    "max_pool_atrous": Case(lambda **given: AtrousMaxPool(rate=2, **given), ((1, 4),)),
    "joint_separable": _styled(SeparableConv, 5),
    "joint_separable_explicit": _styled(
        SeparableConv, 5, 5, stride=2, style=EXPLICIT, activation="relu"
    ),
    "drop_path": Case(lambda **given: DropPath(0.5, **given), ((1, 4),)),
    "resize_like": Case(lambda **given: ResizeLike(**given), ((2, 4), (1, 3))),
    "resize_like_half": Case(
        lambda **given: ResizeLike(scale=0.5, **given), ((1, 4), (1, 3))
    ),
    "atrous_classifier": _styled(AtrousClassifier, 5, rates=(2, 4)),
    "summed_classifier": _summed_classifier(((1, 4), (1, 3))),
    "summed_classifier_of_sizes": _summed_classifier(((1, 4), (2, 3)), size_of=1),
    "cell": _cell(),
    "cell_stride_8": _cell(output_stride=8),
    "cell_window": _cell(image_pooling_crop_size=(65, 97)),
    "input_scaling": Case(lambda **given: InputScaling(**given), ((1, 3),)),
    "input_scaling_bgr": Case(
        lambda **given: InputScaling(scale=(1.0, 2.0, 3.0), channels="bgr", **given),
        ((1, 3),),
    ),
}
