# Licensed under the Apache License, Version 2.0.
"""Dense convolution at a rate, with gradients that are fast on a CPU too."""

import functools

import keras
from keras import ops


def convolve(
    x,
    kernel,
    *,
    stride: int = 1,
    rate: int = 1,
    padding: str = "same",
    training: bool = False,
):
    """Convolves, with the samples of the kernel `rate` pixels apart.

    Args:
        x: [B, H, W, C].
        kernel: [height, width, C, D], a tensor of the type of `x`.
        stride: step of the kernel on the input; 1 where there is a rate.
        rate: distance of the kernel's samples.
        padding: "same" or "valid".
        training: whether gradients will be wanted soon. The result is the same, and
            so are the gradients but for rounding; on a CPU they take less time.

    Returns:
        [B, ceil(H / stride), ceil(W / stride), D] with padding "same".
    """
    sides = tuple(kernel.shape[:2])
    # An even side would be padded by other numbers before and behind.
    is_wide = rate > 1 and padding == "same" and all(side % 2 for side in sides)
    if keras.backend.backend() == "tensorflow" and stride == 1:
        if training and (is_wide or sides == (1, 1)) and has_only_cpus():
            return _convolve_by_products(x, kernel, rate=rate)
        if is_wide and has_gradient_at_rates(keras.backend.standardize_dtype(x.dtype)):
            return _convolve_directly(x, kernel, rate=rate)
    return ops.conv(
        x,
        kernel,
        strides=stride,
        padding=padding,
        data_format="channels_last",
        dilation_rate=rate,
    )


def add_bias(x, bias):
    """Adds a bias as TensorFlow fuses it with a convolution; on TensorFlow alone.

    Args:
        x: [B, H, W, D].
        bias: [D], cast to the type of `x`: in bfloat16 its digits are as many as
            those of the result.
    """
    import tensorflow as tf

    return tf.nn.bias_add(x, ops.cast(bias, x.dtype))


def _convolve_directly(x, kernel, *, rate: int):
    """Convolves at stride 1 in one operation.

    `tf.nn.convolution` reaches a rate through SpaceToBatchND, which pads the map to a
    multiple of the rate and copies it twice.
    """
    import tensorflow as tf

    return tf.nn.conv2d(x, kernel, 1, "SAME", dilations=rate)


@functools.cache
def has_only_cpus() -> bool:
    """Returns whether TensorFlow has nothing better to compute on."""
    import tensorflow as tf

    devices = tf.config.list_logical_devices()
    return all(device.device_type == "CPU" for device in devices)


@functools.cache
def has_gradient_at_rates(dtype: str) -> bool:
    """Returns whether TensorFlow can differentiate a direct convolution at a rate.

    On a CPU only oneDNN can, which not every build has, nor every type.

    Args:
        dtype: name of the type that is convolved.
    """
    import tensorflow as tf

    if not has_only_cpus():
        return True
    try:
        # Outside of the graph that may be traced, where no tape records either.
        with tf.init_scope():
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=[1, 9, 9, 2],
                filter=tf.ones((3, 3, 2, 2), dtype),
                out_backprop=tf.ones((1, 9, 9, 2), dtype),
                strides=[1, 1, 1, 1],
                padding="SAME",
                dilations=[1, 2, 2, 1],
            )
    except tf.errors.OpError:
        return False
    return True


def _convolve_by_products(x, kernel, *, rate: int):
    """Convolves at stride 1; the gradient of the kernel is made of matrix products.

    TensorFlow's own gradient of a direct convolution at a rate is oneDNN's on a CPU,
    which computes on the padding as well: at rate 36 that is more than half of what a
    kernel meets on 65 x 65 pixels. Outside of training a gradient of our own would be
    in the way of what fuses a convolution with its norm, and of the converter to
    TFLite.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def convolved(x, kernel):
        def gradient(upstream):
            if kernel.shape[:2] != (1, 1):
                # Back goes a convolution with the mirrored kernel, which is made when
                # it is needed: else those of all layers would be in memory at once.
                with tf.control_dependencies([upstream]):
                    mirrored = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
                of_x = _convolve_directly(upstream, mirrored, rate=rate)
            else:
                of_x = tf.nn.conv2d_transpose(upstream, kernel, tf.shape(x), 1)
            return of_x, _kernel_gradient(x, upstream, kernel.shape, rate=rate)

        return _convolve_directly(x, kernel, rate=rate), gradient

    return convolved(x, kernel)


def _kernel_gradient(x, upstream, shape, *, rate: int):
    """Returns the gradient [height, width, C, D] of a kernel, one product a position.

    Args:
        x: [B, H, W, C], what was convolved.
        upstream: [B, H, W, D], gradient of the result.
        shape: of the kernel.
        rate: distance of its samples.
    """
    import tensorflow as tf

    height, width, channels, filters = shape
    size = ops.shape(x)[1:3]
    products: list[tf.Tensor] = []
    for here_y, there_y, rows in _overlaps(size[0], samples=height, rate=rate):
        for here_x, there_x, columns in _overlaps(size[1], samples=width, rate=rate):
            # One after the other, or the copies of x would be in memory all at once.
            with tf.control_dependencies(products[-1:]):
                seen = x[:, there_y : there_y + rows, there_x : there_x + columns]
                result = upstream[:, here_y : here_y + rows, here_x : here_x + columns]
                seen = tf.reshape(seen, [-1, channels])
                result = tf.reshape(result, [-1, filters])
                products.append(tf.matmul(seen, result, transpose_a=True))
    return tf.reshape(tf.stack(products), shape)


def _overlaps(side, *, samples: int, rate: int):
    """Yields for each sample of a kernel's side where it lies within the map.

    Args:
        side: of the map in pixels, an int or an integer scalar.
        samples: of the kernel, an odd number.
        rate: distance of the samples.

    Yields:
        First pixel of the results, first pixel that the sample sees for them, and the
        number of these pixels, which may be 0.
    """
    for sample in range(samples):
        shift = (sample - samples // 2) * rate
        pixels = side - abs(shift)
        pixels = max(pixels, 0) if isinstance(side, int) else ops.maximum(pixels, 0)
        yield max(0, -shift), max(0, shift), pixels
