# Licensed under the Apache License, Version 2.0.
"""Batch normalisation: fused on TensorFlow, synchronised or frozen where asked."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="deeplab_tf")
class BatchNorm(keras.layers.Layer):
    """Normalises channels by the statistics of the batch, or by moving ones.

    On TensorFlow it runs the fused kernel, which is faster than Keras' own layer and
    feeds the moving variance with the unbiased variance, as the original does; other
    backends compute the same numbers. Statistics are float32 under any policy.

    Args:
        momentum: share of the old moving statistics that an update keeps.
        epsilon: added to the variance before the square root.
        train_norm: whether training uses and updates batch statistics. If not, gamma
            and beta are all that training changes.
        synchronized: whether batch statistics are those of all replicas
            (`tf.distribute` only).

    Call arguments:
        x: [B, H, W, C].
        training: whether this is a training step.

    Returns:
        [B, H, W, C] of the type of `x`.
    """

    def __init__(
        self,
        *,
        momentum: float = 0.9997,
        epsilon: float = 1e-5,
        train_norm: bool = True,
        synchronized: bool = False,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.momentum = momentum
        self.epsilon = epsilon
        self.train_norm = train_norm
        self.synchronized = synchronized

    def build(self, input_shape):
        """Creates gamma, beta and the moving statistics."""
        shape = (input_shape[-1],)

        def add(name, initializer, trainable):
            return self.add_weight(
                name=name,
                shape=shape,
                initializer=initializer,
                trainable=trainable,
                autocast=False,
                dtype="float32",
                aggregation="none" if trainable else "mean",
            )

        self.gamma = add("gamma", "ones", True)
        self.beta = add("beta", "zeros", True)
        self.moving_mean = add("moving_mean", "zeros", False)
        self.moving_variance = add("moving_variance", "ones", False)
        self.built = True

    def call(self, x, training=False):
        """Normalises `x`."""
        use_batch = bool(training) and self.train_norm and self.trainable
        if use_batch and self.synchronized:
            return self._normalize_synchronized(x)
        if keras.backend.backend() == "tensorflow":
            return self._normalize_fused(x, use_batch)
        if not use_batch:
            return self._scale(x, self.moving_mean, self.moving_variance)
        mean, variance = ops.moments(ops.cast(x, "float32"), axes=(0, 1, 2))
        count = x.shape[0] * x.shape[1] * x.shape[2]
        self._update(mean, variance * (count / max(count - 1, 1)))
        return self._scale(x, mean, variance)

    def fold_into(self, kernel):
        """Returns the kernel and the bias of a convolution with this norm in it.

        Their convolution is that of the kernel followed by this norm in inference, but
        for rounding.

        Args:
            kernel: [height, width, C, D].

        Returns:
            Kernel [height, width, C, D] and bias [D], float32.
        """
        factor = self.gamma / ops.sqrt(self.moving_variance + self.epsilon)
        bias = self.beta - self.moving_mean * factor
        return ops.cast(kernel, "float32") * factor, bias

    def _normalize_fused(self, x, use_batch):
        import tensorflow as tf

        moving = [None, None] if use_batch else [self.moving_mean, self.moving_variance]
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x,
            ops.convert_to_tensor(self.gamma),
            ops.convert_to_tensor(self.beta),
            *(None if m is None else ops.convert_to_tensor(m) for m in moving),
            epsilon=self.epsilon,
            is_training=use_batch,
        )
        if use_batch:
            self._update(mean, variance)
        return y

    def _normalize_synchronized(self, x):
        # The mean first and then the squares around it: the mean of the squares less
        # the square of the mean loses all digits where a channel is far from 0.
        values = ops.cast(x, "float32")
        count = ops.cast(ops.prod(ops.shape(x)[:3]), "float32")
        count, total = _sum_over_replicas(count, ops.sum(values, axis=(0, 1, 2)))
        mean = total / count
        centred = values - mean
        (squares,) = _sum_over_replicas(ops.sum(ops.square(centred), axis=(0, 1, 2)))
        self._update(mean, squares / ops.maximum(count - 1.0, 1.0))
        factor = self.gamma / ops.sqrt(squares / count + self.epsilon)
        return ops.cast(centred * factor + self.beta, x.dtype)

    def _scale(self, x, mean, variance):
        factor = self.gamma / ops.sqrt(variance + self.epsilon)
        y = ops.cast(x, "float32") * factor + (self.beta - mean * factor)
        return ops.cast(y, x.dtype)

    def _update(self, mean, variance):
        for moving, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            # The original's form: it differs in the last bit from a weighted sum.
            moving.assign(moving - (moving - value) * (1.0 - self.momentum))

    def compute_output_shape(self, input_shape):
        """Returns the shape of the input."""
        return input_shape

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "train_norm": self.train_norm,
            "synchronized": self.synchronized,
        }


def _sum_over_replicas(*values):
    """Returns the sums of values over the replicas of `tf.distribute`, if any."""
    if keras.backend.backend() != "tensorflow":
        return values
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.SUM, list(values))


def build_norm(style, *, name: str = "norm", dtype=None) -> BatchNorm:
    """Returns the batch norm that a `ConvStyle` describes."""
    return BatchNorm(
        momentum=style.norm_momentum,
        epsilon=style.norm_epsilon,
        train_norm=style.train_norm,
        synchronized=style.synchronized_norm,
        name=name,
        dtype=dtype,
    )
