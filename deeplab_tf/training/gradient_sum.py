# Licensed under the Apache License, Version 2.0.
"""Gradients summed over the parts of a batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf


class GradientSum:
    """One sum per variable, kept on each replica by itself.

    Build it under `strategy.scope()`, as the network.

    Args:
        variables: the trained variables.
    """

    def __init__(self, variables: Sequence[Any]):
        self._sums = [
            tf.Variable(
                tf.zeros(variable.shape),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.SUM,
            )
            for variable in variables
        ]

    def add(self, gradients: Sequence[tf.Tensor | None]) -> None:
        """Adds the gradients of a part; called on a replica."""
        for total, gradient in zip(self._sums, gradients, strict=True):
            if gradient is not None:
                total.assign_add(tf.convert_to_tensor(gradient))

    def take(self) -> list[tf.Tensor]:
        """Returns the sums and begins new ones; called on a replica."""
        values = [tf.identity(total) for total in self._sums]
        for total in self._sums:
            # Not times 0: an infinite gradient of float16 must not stay.
            total.assign(tf.zeros_like(total))
        return values


def cut_part(
    batch: Mapping[str, tf.Tensor], *, index: tf.Tensor, num_parts: int
) -> dict[str, tf.Tensor]:
    """Returns one of equal parts of a batch.

    Args:
        batch: tensors with a batch axis in front, of a size that `num_parts` divides.
        index: which part, a scalar.
        num_parts: how many there are.
    """
    part = {}
    for name, value in batch.items():
        size = tf.shape(value)[0] // num_parts
        cut = value[index * size : (index + 1) * size]
        known = value.shape[0]
        static = None if known is None else known // num_parts
        part[name] = tf.ensure_shape(cut, [static, *value.shape[1:]])
    return part
