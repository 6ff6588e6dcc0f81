# Licensed under the Apache License, Version 2.0.
"""Mean-field inference of the fully connected CRF, in TensorFlow operations.

Reference: P. Kraehenbuehl and V. Koltun, Efficient Inference in Fully Connected CRFs
with Gaussian Edge Potentials, NIPS 2011 (arXiv:1210.5644), algorithm 1. As in the
authors' program, which the DeepLab papers took, a pixel is one of its own neighbours.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.inference import pairwise_kernels

# A weight, and the function of the probabilities that it multiplies.
_Kernels = list[tuple[Any, Callable[[tf.Tensor], tf.Tensor]]]

# Added to the logarithm of a probability where there is none.
_NEVER = -1e9


def mean_field(
    unaries: Any,
    images: Any,
    config: DenseCRFConfig,
    *,
    bilateral_weight: Any = None,
    spatial_weight: Any = None,
    compatibility: Any = None,
) -> tf.Tensor:
    """Returns the marginals of the labels of all pixels.

    It is differentiable with respect to the unaries, and to the weights and the
    compatibility where they are given as tensors, so that they can be trained (CRF as
    RNN, arXiv:1502.03240); not with respect to the images.

    Args:
        unaries: [B, H, W, C] energies: minus the logarithm of probabilities, or minus
            logits.
        images: [B, H, W, 3] RGB in 0..255, of any number type.
        config: kernels, iterations and filter; its backend is not looked at.
        bilateral_weight: a scalar in place of the configuration's.
        spatial_weight: a scalar in place of the configuration's.
        compatibility: [C, C] in place of the configuration's.

    Returns:
        [B, H, W, C] float32 probabilities.

    Raises:
        ValueError: sizes do not match, or unaries are not finite. Inside a graph the
            latter are a tf.errors.InvalidArgumentError.
        tf.errors.InvalidArgumentError: deviations are too small for the lattice of
            such an image.
    """
    unaries, images = _check(unaries, images)
    num_classes = unaries.shape[-1]
    potentials = _Potentials(
        config=config,
        bilateral_weight=_first(bilateral_weight, config.bilateral_weight),
        spatial_weight=_first(spatial_weight, config.spatial_weight),
        compatibility=_compatibility(compatibility, config, num_classes),
    )
    if unaries.shape[0] is not None:
        pairs = zip(tf.unstack(unaries), tf.unstack(images), strict=True)
        return tf.stack([potentials.marginals(*pair) for pair in pairs])
    return tf.map_fn(
        lambda pair: potentials.marginals(*pair),
        (unaries, images),
        fn_output_signature=tf.TensorSpec([*unaries.shape[1:]], tf.float32),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Potentials:
    """Kernels with their weights, and how labels get on with each other.

    Attributes:
        config: deviations, iterations and filter.
        bilateral_weight: a float or a scalar.
        spatial_weight: a float or a scalar.
        compatibility: [C, C], or None for Potts.
    """

    config: DenseCRFConfig
    bilateral_weight: Any
    spatial_weight: Any
    compatibility: tf.Tensor | None

    def marginals(self, unaries: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        """Returns the marginals of one image, [H, W, C].

        Args:
            unaries: [H, W, C].
            image: [H, W, 3].
        """
        shape = tf.shape(unaries)
        num_classes = unaries.shape[-1]
        log_probabilities = tf.reshape(-unaries, [-1, num_classes])
        kernels = self._kernels(image) if self.config.iterations > 0 else []
        if kernels:
            log_probabilities = self._iterate(log_probabilities, kernels)
        marginals = tf.reshape(tf.nn.softmax(log_probabilities), shape)
        return tf.ensure_shape(marginals, unaries.shape)

    def _iterate(self, log_unaries: tf.Tensor, kernels: _Kernels) -> tf.Tensor:
        """Returns the logarithm of the marginals, but for a number a pixel, [N, C].

        Args:
            log_unaries: [N, C].
            kernels: with their weights.
        """
        if self._takes_all_labels():
            return log_unaries + self._iterate_all(log_unaries, kernels)
        log_unaries = tf.nn.log_softmax(log_unaries)
        # Of so many labels one has twice that share at each pixel.
        share = min(self.config.min_probability, 0.5 / log_unaries.shape[-1])
        is_kept = tf.exp(tf.reduce_max(log_unaries, axis=0)) >= share
        kept = tf.where(is_kept)[:, 0]
        # The others stand behind them as one label, which nobody speaks for.
        others = tf.reduce_logsumexp(
            tf.where(is_kept, _NEVER, log_unaries), axis=1, keepdims=True
        )
        logits = tf.concat([tf.gather(log_unaries, kept, axis=1), others], axis=1)
        hears = tf.concat([tf.ones_like(kept, tf.float32), [0.0]], axis=0)
        sent = self._iterate_all(logits, [(weight * hears, k) for weight, k in kernels])
        return log_unaries + tf.matmul(sent[:, :-1], tf.one_hot(kept, is_kept.shape[0]))

    def _takes_all_labels(self) -> bool:
        """Returns whether rare labels, too, send and receive.

        With Potts and weights w of normalised kernels, a label below p everywhere
        stays below p exp(w p'), p' its own bound, for it receives its own share only.
        """
        config = self.config
        return (
            config.min_probability == 0
            or config.filter == "exact"
            or config.normalization == "none"
            or self.compatibility is not None
        )

    def _iterate_all(self, log_unaries: tf.Tensor, kernels: _Kernels) -> tf.Tensor:
        """Returns what neighbours add to the logarithms in the end, [N, C']."""
        logits = log_unaries
        for _ in range(self.config.iterations):
            marginals = tf.nn.softmax(logits)
            terms = [weight * kernel(marginals) for weight, kernel in kernels]
            if self.compatibility is not None:
                costs = tf.matmul(tf.add_n(terms), self.compatibility, transpose_b=True)
                terms = [-costs]
            logits = tf.add_n([log_unaries, *terms])
        return logits - log_unaries

    def _kernels(self, image: tf.Tensor) -> _Kernels:
        """Returns the kernels whose weight is not 0, each with its weight."""
        kernels: _Kernels = []
        if not _is_zero(self.bilateral_weight):
            kernel = pairwise_kernels.bilateral(image, self.config)
            kernels.append((self.bilateral_weight, kernel))
        if not _is_zero(self.spatial_weight):
            kernel = pairwise_kernels.spatial(image, self.config)
            kernels.append((self.spatial_weight, kernel))
        return kernels


def _check(unaries: Any, images: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns both as float32, or raises ValueError if they do not fit."""
    unaries = tf.cast(tf.convert_to_tensor(unaries), tf.float32)
    images = tf.cast(tf.convert_to_tensor(images), tf.float32)
    fits = unaries.shape.rank == 4 and unaries.shape[-1] is not None
    if not (fits and unaries.shape[:3].is_compatible_with(images.shape[:3])):
        raise ValueError(
            "unaries must be [B, H, W, C] and images [B, H, W, 3] of the same size, "
            f"got {unaries.shape} and {images.shape}."
        )
    if images.shape.rank != 4 or images.shape[-1] not in (3, None):
        raise ValueError(f"images must be [B, H, W, 3], got the shape {images.shape}.")
    if 0 in unaries.shape.as_list():
        raise ValueError(
            "unaries must have at least one image, pixel and class, got the shape "
            f"{unaries.shape}."
        )
    message = "{} of the CRF must be finite numbers, got NaN or infinity."
    for name, values in (("unaries", unaries), ("images", images)):
        if tf.executing_eagerly():
            if not tf.reduce_all(tf.math.is_finite(values)):
                raise ValueError(message.format(name))
        else:
            tf.debugging.assert_all_finite(values, message.format(name))
    tf.debugging.assert_equal(
        tf.shape(unaries)[:3],
        tf.shape(images)[:3],
        "unaries and images of the CRF must have the same size.",
    )
    return unaries, images


def _compatibility(
    given: Any, config: DenseCRFConfig, num_classes: int
) -> tf.Tensor | None:
    """Returns [C, C] float32, or None for Potts."""
    matrix = config.compatibility if given is None else given
    if given is None and not config.compatibility:
        return None
    matrix = tf.cast(tf.convert_to_tensor(matrix), tf.float32)
    if tuple(matrix.shape) != (num_classes, num_classes):
        raise ValueError(
            f"compatibility must be [{num_classes}, {num_classes}] for {num_classes} "
            f"classes, got the shape {tuple(matrix.shape)}."
        )
    return matrix


def _first(given: Any, default: float) -> Any:
    return default if given is None else given


def _is_zero(weight: Any) -> bool:
    return isinstance(weight, float | int) and weight == 0
