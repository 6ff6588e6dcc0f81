# Licensed under the Apache License, Version 2.0.
"""A small DeepLabv2, and its loss in float64 by numpy, by other means.

Three scales, the maximum over them, and ASPP, as kazuto1011/deeplab-pytorch has it, on
a backbone of one convolution.
"""

import keras
import numpy as np

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.layers.atrous_conv import AtrousConv

NUM_CLASSES = 3
CHANNELS = 2
RATES = (1, 2)
SCALES = (1.0, 0.5, 0.75)
STRIDE = 8
EPSILON = 1e-5
# Statistics that a frozen norm keeps.
MEAN, VARIANCE = np.array([0.1, -0.2]), np.array([0.4, 1.3])


def build_backbone(config, style):
    """Returns a convolution with norm and activation, in place of ResNet."""
    del config
    images = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(1 / 64, offset=-2, name="scaling")(images)
    options = {"style": style, "stride": STRIDE, "activation": "relu"}
    conv = AtrousConv(CHANNELS, 3, name="conv", **options)
    x = conv(x)
    conv.norm.moving_mean.assign(MEAN)
    conv.norm.moving_variance.assign(VARIANCE)
    return Backbone(
        input=images, endpoints={"conv": x}, strides={"conv": 8}, features=x, taps={}
    )


def loss_by_hand(weights, images, labels):
    """Returns the sum of the losses of the maximum and of each scale.

    Args:
        weights: arrays by the path of their variables.
        images: [B, H, W, 3] RGB in 0..255.
        labels: [B, H, W]; 255 is ignored.
    """
    logits = {}
    for scale in SCALES:
        height, width = (int(side * scale) for side in images.shape[1:3])
        positions = [(np.arange(n) + 0.5) / scale - 0.5 for n in (height, width)]
        logits[scale] = _logits(weights, _interpolate(images, *positions))
    size = logits[1.0].shape[1:3]
    resized = []
    for x in logits.values():
        sides = zip(size, x.shape[1:3], strict=True)
        places = [(np.arange(n) + 0.5) * m / n - 0.5 for n, m in sides]
        resized.append(_interpolate(x, *places))
    outputs = [np.max(resized, axis=0), *logits.values()]
    return sum(_cross_entropy(x, _nearest(labels, x.shape[1:3])) for x in outputs)


def _logits(weights, images):
    """Returns the summed classifiers' logits of one scale."""
    padded = np.pad(images / 64 - 2, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = _convolve(padded, weights["conv/kernel"], stride=STRIDE)
    x = (x - MEAN) / np.sqrt(VARIANCE + EPSILON)
    x = x * weights["conv/norm/gamma"] + weights["conv/norm/beta"]
    x = np.maximum(x, 0)
    total = 0
    for i, rate in enumerate(RATES):
        padded = np.pad(x, ((0, 0), (rate, rate), (rate, rate), (0, 0)))
        total = total + _convolve(
            padded, weights[f"logits/branch{i}/kernel"], rate=rate
        )
        total = total + weights[f"logits/branch{i}/bias"]
    return total


def _convolve(x, kernel, *, stride=1, rate=1):
    """Returns a 3x3 convolution of padded features, tap by tap."""
    height, width = ((side - 2 * rate - 1) // stride + 1 for side in x.shape[1:3])
    total = 0
    for i in range(3):
        for j in range(3):
            rows = i * rate + stride * np.arange(height)
            columns = j * rate + stride * np.arange(width)
            total = total + x[:, rows][:, :, columns] @ kernel[i, j]
    return total


def _interpolate(x, rows, columns):
    """Returns [B, H, W, C] sampled linearly; what lies outside is the border."""

    def along(axis, positions):
        grid = np.arange(x.shape[axis])
        return np.apply_along_axis(lambda v: np.interp(positions, grid, v), axis, x)

    x = along(1, rows)
    return along(2, columns)


def _nearest(labels, size):
    """Returns the labels whose pixel holds the centre of each pixel of a size."""
    rows, columns = (
        np.floor((np.arange(n) + 0.5) * side / n).astype(int)
        for n, side in zip(size, labels.shape[1:3], strict=True)
    )
    return labels[:, rows][:, :, columns]


def _cross_entropy(logits, labels):
    """Returns the mean over the pixels that are not ignored."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    counts = labels != 255
    chosen = np.take_along_axis(
        log_probabilities, np.where(counts, labels, 0)[..., None], axis=-1
    )[..., 0]
    return -chosen[counts].sum() / counts.sum()


def gradients_by_hand(weights, images, labels, *, step=1e-5):
    """Returns central differences of `loss_by_hand`, by path."""
    gradients = {}
    for path, value in weights.items():
        gradient = np.zeros_like(value)
        for index in np.ndindex(value.shape):
            losses = []
            for sign in (1, -1):
                moved = value.copy()
                moved[index] += sign * step
                losses.append(loss_by_hand(weights | {path: moved}, images, labels))
            gradient[index] = (losses[0] - losses[1]) / (2 * step)
        gradients[path] = gradient
    return gradients
