# Licensed under the Apache License, Version 2.0.
"""The Gaussian kernels between the pixels of an image, as functions of values."""

import math
from collections.abc import Callable

import tensorflow as tf

from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.inference.permutohedral_lattice import (
    build_lattice,
    lattice_filter,
    lattice_sums,
)

Filter = Callable[[tf.Tensor], tf.Tensor]

# Pixels up to which all pairs are summed: a matrix of 64 MiB a kernel.
MAX_EXACT_PIXELS = 64 * 64

# Deviations at which a Gaussian is cut off, and pixels of the widest that is convolved.
_CUT = 4.0
_WIDEST_CONVOLUTION = 8.0
# What a sum of weights is never below.
_TINY = 1e-20


def bilateral(image: tf.Tensor, config: DenseCRFConfig) -> Filter:
    """Returns the kernel over position and colour.

    Args:
        image: [H, W, 3] float32 RGB in 0..255.
        config: deviations, normalisation and filter.

    Returns:
        [N, C] float32 -> [N, C] for the N = H W pixels in rows.
    """
    image = tf.stop_gradient(image)
    colors = tf.transpose(tf.reshape(image, [-1, 3])) / config.bilateral_rgb
    positions = _positions(image) / config.bilateral_xy
    points = tf.concat([positions, colors], axis=0)
    return _filter_points(points, config)


def spatial(image: tf.Tensor, config: DenseCRFConfig) -> Filter:
    """Returns the kernel over position alone.

    It is separable, so that two convolutions are quicker than a lattice, and closer to
    the Gaussian, unless it is wide.

    Args:
        image: [H, W, 3], for its size.
        config: deviation, normalisation and filter.

    Returns:
        [N, C] float32 -> [N, C] for the N = H W pixels in rows.
    """
    if config.filter == "exact" or config.spatial_xy > _WIDEST_CONVOLUTION:
        return _filter_points(_positions(image) / config.spatial_xy, config)
    height, width = tf.unstack(tf.shape(image)[:2])
    ones = tf.ones([1, height, width, 1])
    sums = tf.reshape(_blur(ones, config.spatial_xy), [-1])
    send, receive = _factors(sums, config.normalization)

    def apply(values: tf.Tensor) -> tf.Tensor:
        channels = values.shape[1] or tf.shape(values)[1]
        if send is not None:
            values = values * send[:, None]
        maps = tf.reshape(values, [1, height, width, channels])
        blurred = tf.reshape(_blur(maps, config.spatial_xy), [-1, channels])
        return blurred if receive is None else blurred * receive[:, None]

    return apply


def _filter_points(points: tf.Tensor, config: DenseCRFConfig) -> Filter:
    """Returns the kernel between any points, [d, N] in units of the deviation."""
    if config.filter == "exact":
        return _exact(points, config.normalization)
    lattice = build_lattice(points)
    send, receive = _factors(lattice_sums(lattice), config.normalization)
    return lattice_filter(lattice, send=send, receive=receive)


def _positions(image: tf.Tensor) -> tf.Tensor:
    """Returns x and y of all pixels, [2, H W] float32."""
    height, width = tf.unstack(tf.shape(image)[:2])
    x, y = tf.meshgrid(tf.range(width), tf.range(height))
    return tf.cast(tf.reshape(tf.stack([x, y]), [2, -1]), tf.float32)


def _blur(maps: tf.Tensor, deviation: float) -> tf.Tensor:
    """Returns [1, H, W, C] under a Gaussian of height 1."""
    radius = math.ceil(_CUT * deviation)
    line = tf.range(-radius, radius + 1, dtype=tf.float32) / deviation
    line = tf.exp(-0.5 * line * line)
    channels = maps.shape[-1] or tf.shape(maps)[-1]
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        kernel = tf.tile(tf.reshape(line, shape), [1, 1, channels, 1])
        maps = tf.nn.depthwise_conv2d(maps, kernel, [1, 1, 1, 1], "SAME")
    return maps


def _exact(points: tf.Tensor, normalization: str) -> Filter:
    """Returns the kernel as the sum over all pairs of points, [d, N]."""
    count = points.shape[1]
    message = (
        f"The exact filter of the CRF is for images up to {MAX_EXACT_PIXELS} pixels: "
        "take the lattice."
    )
    if count is not None and count > MAX_EXACT_PIXELS:
        raise ValueError(f"{message} Got {count}.")
    tf.debugging.assert_less_equal(tf.shape(points)[1], MAX_EXACT_PIXELS, message)
    differences = points[:, :, None] - points[:, None, :]
    weights = tf.exp(-0.5 * tf.reduce_sum(differences * differences, axis=0))
    send, receive = _factors(tf.reduce_sum(weights, axis=1), normalization)
    if receive is not None:
        weights *= receive[:, None]
    if send is not None:
        weights *= send[None, :]
    return lambda values: tf.matmul(weights, values)


def _factors(
    sums: tf.Tensor, normalization: str
) -> tuple[tf.Tensor | None, tf.Tensor | None]:
    """Returns the factors of what a pixel sends and of what it receives, [N]."""
    if normalization == "symmetric":
        root = tf.math.rsqrt(sums + _TINY)
        return root, root
    inverse = 1.0 / (sums + _TINY)
    return {
        "before": (inverse, None),
        "after": (None, inverse),
        "none": (None, None),
    }[normalization]
