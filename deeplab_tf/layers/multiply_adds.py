# Licensed under the Apache License, Version 2.0.
"""The cost of a network: the multiply-adds of its convolutions."""

import math

import keras

from deeplab_tf.config.dense_prediction_cell import FEATURES
from deeplab_tf.layers.aspp import ASPP
from deeplab_tf.layers.atrous_classifier import AtrousClassifier
from deeplab_tf.layers.atrous_conv import (
    AtrousConv,
    AtrousDepthwiseConv,
    AtrousSeparableConv,
)
from deeplab_tf.layers.decoder import Decoder
from deeplab_tf.layers.dense_prediction_cell import DensePredictionCell
from deeplab_tf.layers.image_pooling import ImagePooling
from deeplab_tf.layers.separable_conv import SeparableConv
from deeplab_tf.layers.squeeze_excite import SqueezeExcite
from deeplab_tf.layers.summed_classifier import SummedClassifier


def count_model(model: keras.Model, *, image_size: tuple[int, int]) -> int:
    """Returns the multiply-adds that a network spends on one image.

    Convolutions alone are counted, as the published figures of mobile networks do:
    norms, activations, sums and resizing are not.

    Args:
        model: a functional model of our layers, with one image as its input.
        image_size: (height, width) in pixels.

    Raises:
        ValueError: a layer has weights and it is not known how they are used.
    """
    total = 0

    def count_and_call(layer, *args, **kwargs):
        nonlocal total
        shapes = keras.tree.map_structure(lambda x: tuple(x.shape), args[0])
        # A network inside a network: that of one scale of an image pyramid.
        if isinstance(layer, keras.Model):
            total += count_model(layer, image_size=shapes[1:3])
            return layer(*args, **kwargs)
        # Only the call gives a layer its weights.
        outputs = layer(*args, **kwargs)
        total += count_layer(layer, shapes)
        return outputs

    # A clone, with weights of its own, is called with a size that is known.
    image = keras.Input((*image_size, 3), batch_size=1)
    keras.models.clone_model(model, input_tensors=image, call_function=count_and_call)
    return total


def count_layer(layer: keras.layers.Layer, input_shape) -> int:
    """Returns the multiply-adds of one layer.

    Args:
        layer: a built layer.
        input_shape: [B, H, W, C], all known; of several inputs, the list of them.

    Raises:
        ValueError: the layer has weights and it is not known how they are used.
    """
    if type(layer) in _COUNTERS:
        return _COUNTERS[type(layer)](layer, input_shape)
    if layer.weights:
        raise ValueError(
            f"The multiply-adds of {type(layer).__name__} ({layer.name}) are not "
            f"known; known are those of {', '.join(t.__name__ for t in _COUNTERS)}."
        )
    return 0


def _count_conv(layer, input_shape) -> int:
    outputs = _count_outputs(layer, input_shape)
    return outputs * layer.kernel_size**2 * input_shape[-1]


def _count_depthwise_conv(layer, input_shape) -> int:
    return _count_outputs(layer, input_shape) * layer.kernel_size**2


def _count_outputs(layer, input_shape) -> int:
    batch, *sides, channels = layer.compute_output_shape(input_shape)
    # The original splits an atrous convolution into rate x rate ordinary ones, whose
    # sides are rounded up; the recorded counts are of these.
    rates = (layer.rate,) * 2 if isinstance(layer.rate, int) else layer.rate
    sides = [-(-s // rate) * rate for s, rate in zip(sides, rates, strict=True)]
    return batch * math.prod(sides) * channels


def _count_joint_separable_conv(layer, input_shape) -> int:
    shape = layer.compute_depthwise_shape(input_shape)
    return math.prod(shape) * layer.kernel_size**2 + count_layer(layer.pointwise, shape)


def _count_separable_conv(layer, input_shape) -> int:
    return _count_chain([layer.depthwise, layer.pointwise], input_shape)


def _count_image_pooling(layer, input_shape) -> int:
    return count_layer(layer.conv, layer.compute_pooled_shape(input_shape))


def _count_squeeze_excite(layer, input_shape) -> int:
    batch, channels = input_shape[0], input_shape[-1]
    return 2 * batch * channels * layer.squeezed


def _count_aspp(layer, input_shape) -> int:
    parallel = [*layer.branches]
    if layer.image_pooling is not None:
        parallel.append(layer.image_pooling)
    total = sum(count_layer(branch, input_shape) for branch in parallel)
    if layer.concat_projection is not None:
        shape = layer.compute_concatenated_shape(input_shape)
        total += count_layer(layer.concat_projection, shape)
    if layer.output_conv is not None:
        total += count_layer(layer.output_conv, layer.compute_merged_shape(input_shape))
    return total


def _count_atrous_classifier(layer, input_shape) -> int:
    return sum(count_layer(branch, input_shape) for branch in layer.branches)


def _count_summed_classifier(layer, input_shape) -> int:
    branches = zip(layer.branches, input_shape, strict=True)
    return sum(count_layer(branch, shape) for branch, shape in branches)


def _count_dense_prediction_cell(layer, input_shape) -> int:
    shape = (*input_shape[:-1], layer.config.filters)
    total = count_layer(
        layer.concat_projection, layer.compute_concatenated_shape(input_shape)
    )
    for branch, part in zip(layer.config.branches, layer.branches, strict=True):
        inputs = input_shape if branch.input == FEATURES else shape
        if branch.operation == "pyramid_pooling":
            total += part.filters * inputs[-1] * layer.count_windows(branch, inputs)
        else:
            total += count_layer(part, inputs)
    return total


def _count_decoder(layer, input_shape) -> int:
    total, x = 0, input_shape[0]
    stages = zip(layer.projections, layer.convs, input_shape[1:], strict=True)
    for projection, convs, low_level in stages:
        channels = x[-1]
        if layer.config.merge == "concat":
            channels += projection.filters
        total += count_layer(projection, low_level)
        total += _count_chain(convs, (*low_level[:-1], channels))
        x = convs[-1].compute_output_shape(low_level)
    return total


def _count_chain(layers, shape) -> int:
    total = 0
    for layer in layers:
        total += count_layer(layer, shape)
        shape = layer.compute_output_shape(shape)
    return total


_COUNTERS = {
    AtrousConv: _count_conv,
    AtrousDepthwiseConv: _count_depthwise_conv,
    AtrousSeparableConv: _count_separable_conv,
    SeparableConv: _count_joint_separable_conv,
    ImagePooling: _count_image_pooling,
    SqueezeExcite: _count_squeeze_excite,
    ASPP: _count_aspp,
    AtrousClassifier: _count_atrous_classifier,
    SummedClassifier: _count_summed_classifier,
    DensePredictionCell: _count_dense_prediction_cell,
    Decoder: _count_decoder,
}
