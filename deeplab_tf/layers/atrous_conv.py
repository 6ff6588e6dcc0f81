# Licensed under the Apache License, Version 2.0.
"""Atrous convolutions: dense, depthwise and separable, with norm and activation."""

import keras
from keras import ops

from deeplab_tf.layers.activations import activate
from deeplab_tf.layers.batch_norm import build_norm
from deeplab_tf.layers.convolution import add_bias, convolve
from deeplab_tf.layers.styled_layer import StyledLayer


@keras.saving.register_keras_serializable(package="deeplab_tf")
class AtrousConv(StyledLayer):
    """A convolution whose kernel samples its input at a rate.

    Padded so that only a stride makes it smaller; followed by batch norm (or a bias)
    and an activation. Reference: DeepLab (arXiv:1606.00915), section 3.1.

    Args:
        filters: number of output channels.
        kernel_size: height and width of the kernel.
        style: norm and padding; the activation is given apart.
        stride: step of the kernel on the input, in pixels.
        rate: distance of the kernel's samples, in pixels; 1 is ordinary convolution.
        normalize: whether batch norm follows; otherwise there is a bias.
        activation: see `activations.activate`.
        kernel_initializer: of the kernel.

    Call arguments:
        x: [B, H, W, C].
        training: whether this is a training step.

    Returns:
        [B, ceil(H / stride), ceil(W / stride), filters]; less of the padding "none".
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        style,
        stride: int = 1,
        rate: int = 1,
        normalize: bool = True,
        activation: str | None = None,
        kernel_initializer="glorot_uniform",
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        _check_stride_and_rate(stride, rate)
        self.filters = filters
        self.kernel_size = kernel_size
        self.stride = stride
        self.rate = rate
        self.normalize = normalize
        self.activation = activation
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.norm = build_norm(style, dtype=self.dtype_policy) if normalize else None

    def build(self, input_shape):
        """Creates the kernel and the norm or the bias."""
        size = self.kernel_size
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
            # The norm is folded into it before its digits are cut.
            autocast=False,
        )
        if self.norm is not None:
            self.norm.build(self.compute_output_shape(input_shape))
        else:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer="zeros"
            )
        self.built = True

    def call(self, x, training=False):
        """Convolves, normalises and activates."""
        x, padding = pad_input(x, layer=self)
        options = {"stride": self.stride, "rate": self.rate, "padding": padding}
        if not training and self._folds_norm(x):
            kernel, bias = self.norm.fold_into(self.kernel)
            x = convolve(x, ops.cast(kernel, x.dtype), **options)
            return activate(add_bias(x, bias), self.activation)
        kernel = ops.cast(self.kernel, x.dtype)
        x = convolve(x, kernel, training=bool(training), **options)
        x = x + self.bias if self.norm is None else self.norm(x, training=training)
        return activate(x, self.activation)

    def _folds_norm(self, x) -> bool:
        """Returns whether the norm is better a part of the kernel in inference.

        TensorFlow fuses a convolution with its norm in float32 alone.
        """
        is_tensorflow = keras.backend.backend() == "tensorflow"
        return is_tensorflow and self.norm is not None and x.dtype == "bfloat16"

    def compute_output_shape(self, input_shape):
        """Returns [B, ceil(H / stride), ceil(W / stride), filters]."""
        return (*_output_shape(self, input_shape), self.filters)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "rate": self.rate,
            "normalize": self.normalize,
            "activation": self.activation,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable(package="deeplab_tf")
class AtrousDepthwiseConv(StyledLayer):
    """A convolution of each channel by itself, at a rate, with norm and activation.

    Args:
        kernel_size: height and width of the kernel.
        style: norm and padding; the activation is given apart.
        stride: step of the kernel on the input, in pixels.
        rate: distance of the kernel's samples, in pixels, or (height, width) of it.
        activation: see `activations.activate`.
        kernel_initializer: of the kernel.

    Call arguments:
        x: [B, H, W, C].
        training: whether this is a training step.

    Returns:
        [B, ceil(H / stride), ceil(W / stride), C].
    """

    def __init__(
        self,
        kernel_size: int = 3,
        *,
        style,
        stride: int = 1,
        rate: int | tuple[int, int] = 1,
        activation: str | None = None,
        kernel_initializer="glorot_uniform",
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        _check_stride_and_rate(stride, rate)
        self.kernel_size = kernel_size
        self.stride = stride
        self.rate = rate if isinstance(rate, int) else tuple(rate)
        self.activation = activation
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.norm = build_norm(style, dtype=self.dtype_policy)

    def build(self, input_shape):
        """Creates the kernel and the norm."""
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], 1),
            initializer=self.kernel_initializer,
        )
        self.norm.build(self.compute_output_shape(input_shape))
        self.built = True

    def call(self, x, training=False):
        """Convolves, normalises and activates."""
        x = convolve_depthwise(x, self.depthwise_kernel, layer=self, rate=self.rate)
        return activate(self.norm(x, training=training), self.activation)

    def compute_output_shape(self, input_shape):
        """Returns [B, ceil(H / stride), ceil(W / stride), C]."""
        return (*_output_shape(self, input_shape), input_shape[-1])

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "rate": self.rate,
            "activation": self.activation,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable(package="deeplab_tf")
class AtrousSeparableConv(StyledLayer):
    """A depthwise convolution at a rate, then a 1x1 convolution.

    Norm and activation follow both parts. Reference: DeepLabv3+ (arXiv:1802.02611),
    section 3.1; research/deeplab/core/utils.py: split_separable_conv2d.

    Args:
        filters: number of output channels.
        kernel_size: height and width of the depthwise kernel.
        style: norm, padding and, unless it is given apart, activation of both parts.
        stride: step of the depthwise kernel on the input, in pixels.
        rate: distance of the depthwise kernel's samples, in pixels, or (height, width)
            of it.
        activation: see `activations.activate`; "style" is the style's.
        depthwise_initializer: of the depthwise kernel; None is that of
            research/deeplab's heads, a truncated normal of 0.33.
        pointwise_initializer: of the 1x1 kernel; None is a truncated normal of 0.06.

    Call arguments:
        x: [B, H, W, C].
        training: whether this is a training step.

    Returns:
        [B, ceil(H / stride), ceil(W / stride), filters].
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        style,
        stride: int = 1,
        rate: int | tuple[int, int] = 1,
        activation: str | None = "style",
        depthwise_initializer=None,
        pointwise_initializer=None,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.stride = stride
        self.rate = rate if isinstance(rate, int) else tuple(rate)
        self.activation = style.activation if activation == "style" else activation
        self.depthwise = AtrousDepthwiseConv(
            kernel_size,
            style=style,
            stride=stride,
            rate=rate,
            activation=self.activation,
            kernel_initializer=depthwise_initializer
            or keras.initializers.TruncatedNormal(stddev=0.33),
            name="depthwise",
            dtype=self.dtype_policy,
        )
        self.pointwise = AtrousConv(
            filters,
            1,
            style=style,
            activation=self.activation,
            kernel_initializer=pointwise_initializer
            or keras.initializers.TruncatedNormal(stddev=0.06),
            name="pointwise",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape):
        """Builds both parts."""
        self.depthwise.build(input_shape)
        self.pointwise.build(self.depthwise.compute_output_shape(input_shape))
        self.built = True

    def call(self, x, training=False):
        """Applies both parts."""
        x = self.depthwise(x, training=training)
        return self.pointwise(x, training=training)

    def compute_output_shape(self, input_shape):
        """Returns [B, ceil(H / stride), ceil(W / stride), filters]."""
        return (*self.depthwise.compute_output_shape(input_shape)[:-1], self.filters)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "rate": self.rate,
            "activation": self.activation,
            "depthwise_initializer": keras.initializers.serialize(
                self.depthwise.kernel_initializer
            ),
            "pointwise_initializer": keras.initializers.serialize(
                self.pointwise.kernel_initializer
            ),
        }


def pad_input(x, *, layer):
    """Returns the input of a strided convolution, padded, and the padding still due."""
    if layer.style.padding == "none":
        return x, "valid"
    if layer.style.padding == "same" or layer.stride == 1:
        return x, "same"
    # research/deeplab/core/conv2d_ws.py: conv2d_same. Rates above 1 have no stride.
    total = layer.kernel_size - 1
    sides = (total // 2, total - total // 2)
    return ops.pad(x, ((0, 0), sides, sides, (0, 0))), "valid"


def convolve_depthwise(x, kernel, *, layer, rate=1):
    """Convolves each channel by itself.

    Args:
        x: [B, H, W, C].
        kernel: [height, width, C, 1].
        layer: has the stride, and the style with the padding.
        rate: distance of the kernel's samples, or (height, width) of it.

    Returns:
        [B, ceil(H / stride), ceil(W / stride), C].
    """
    x, padding = pad_input(x, layer=layer)
    return ops.depthwise_conv(
        x,
        kernel,
        strides=layer.stride,
        padding=padding,
        data_format="channels_last",
        dilation_rate=rate,
    )


def _check_stride_and_rate(stride: int, rate: int | tuple[int, int]) -> None:
    rates = (rate,) if isinstance(rate, int) else tuple(rate)
    if stride < 1 or min(rates) < 1 or (stride > 1 and max(rates) > 1):
        raise ValueError(
            f"stride and rate must be at least 1 and not both above it, got stride "
            f"{stride} and rate {rate}."
        )


def _output_shape(layer, input_shape) -> tuple:
    """Returns [B, h, w] of what a convolution makes of its input."""
    if layer.style.padding == "none":
        rates = (layer.rate,) * 2 if isinstance(layer.rate, int) else layer.rate
        sides = (
            None if side is None else side - (layer.kernel_size - 1) * rate
            for side, rate in zip(input_shape[1:3], rates, strict=True)
        )
        input_shape = (input_shape[0], *sides)
    return strided_shape(input_shape, layer.stride)


def strided_shape(input_shape, stride: int) -> tuple:
    """Returns [B, ceil(H / stride), ceil(W / stride)]; unknown sides stay unknown."""
    sides = (None if side is None else -(-side // stride) for side in input_shape[1:3])
    return (input_shape[0], *sides)
