# Licensed under the Apache License, Version 2.0.
"""Exponential moving averages of a network's weights."""

import keras
import numpy as np
import tensorflow as tf

# The averages begin near the weights, and do not remember the initial ones for long.
_FIRST_UPDATES = 10.0


class MovingAverage:
    """Averages of all weights, the moving statistics of batch norm included.

    After each update, average = decay * average + (1 - decay) * weight, where the decay
    of the first updates is smaller: min(decay, (1 + step) / (10 + step)). The
    statistics are averaged too, so that they are those of the averaged weights' time.

    Build it under `strategy.scope()`, as the network.

    Args:
        model: the network that is trained.
        decay: share of the averages that an update keeps.
        strategy: the devices.

    Attributes:
        variables: path of a weight -> its average, in the order of `model.weights`.

    Reference: `tf.train.ExponentialMovingAverage` with `num_updates`, and
    research/slim, train_image_classifier.py, which averages all model variables.
    """

    def __init__(
        self, model: keras.Model, *, decay: float, strategy: tf.distribute.Strategy
    ):
        self._weights = list(model.weights)
        self._decay = decay
        self._strategy = strategy
        self.variables = {
            weight.path: tf.Variable(weight.numpy(), trainable=False)
            for weight in self._weights
        }

    def start(self) -> None:
        """Sets the averages to the weights, as they are before the first update."""
        for weight, average in zip(self._weights, self._averages(), strict=True):
            average.assign(weight.numpy())

    def update(self, step: tf.Tensor) -> None:
        """Moves the averages towards the weights; called across replicas.

        Args:
            step: number of updates before the one that has just been made.
        """
        step = tf.cast(step, tf.float32)
        kept = tf.minimum(self._decay, (1.0 + step) / (_FIRST_UPDATES + step))
        for weight, average in zip(self._weights, self._averages(), strict=True):
            self._strategy.extended.update(
                average, _move, args=(weight.value, 1.0 - kept), group=False
            )

    def values(self) -> list[np.ndarray]:
        """Returns the averages, for `set_weights` of a network of the same kind."""
        return [average.numpy() for average in self._averages()]

    def _averages(self) -> list[tf.Variable]:
        return list(self.variables.values())


def _move(average: tf.Variable, weight: tf.Tensor, share: tf.Tensor) -> None:
    """Moves an average by a share of its distance from the weight."""
    average.assign_sub((average - weight) * share)
