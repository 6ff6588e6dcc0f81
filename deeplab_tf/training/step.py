# Licensed under the Apache License, Version 2.0.
"""One update of a network: gradients of a batch, or of its parts, on every replica."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.config.train import TrainConfig
from deeplab_tf.training import optimizers
from deeplab_tf.training.gradient_sum import GradientSum, cut_part
from deeplab_tf.training.moving_average import MovingAverage

NO_STEP = -1


class StepMemoryError(ValueError):
    """The memory of a device does not hold a step."""


class TrainStep:
    """Makes an update out of a batch; build it under `strategy.scope()`.

    With gradient accumulation the parts of a batch run one after the other, each in a
    call of its own, so that no two of them are in memory; their gradients are summed.

    Args:
        model: see `TrainLoop`.
        config: see `TrainLoop`.
        loss: see `TrainLoop`.
        optimizer: the rule of the update, built.
        strategy: the devices.

    Attributes:
        number: number of updates so far, a variable.
        bad_number: value of `number` in front of the first update whose loss was not
            finite, or `NO_STEP`.
        moving_average: the averages of the weights; None without any.

    Raises:
        ValueError: the loss knows no parts of a batch, and is to be accumulated.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        config: TrainConfig,
        loss: Any,
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
    ):
        self._model = model
        self._config = config
        self._loss = loss
        self._optimizer = optimizer
        self._strategy = strategy
        self._variables = optimizers.trained_variables(model, config=config)
        self._num_parts = config.gradient_accumulation
        self.number = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.bad_number = tf.Variable(NO_STEP, dtype=tf.int64, trainable=False)
        if self._num_parts > 1:
            _check_knows_parts(loss)
            self._sum = GradientSum(self._variables)
        self.moving_average: MovingAverage | None = None
        if config.moving_average_decay:
            self.moving_average = MovingAverage(
                model, decay=config.moving_average_decay, strategy=strategy
            )
        # Nothing in a step needs AutoGraph, whose parsing of Keras takes seconds.
        self._run_whole = tf.function(self._distributed_step, autograph=False)
        self._run_part = tf.function(self._distributed_part, autograph=False)
        self._run_update = tf.function(self._distributed_update, autograph=False)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Makes one update; returns the logs of `TrainLoop.run` as tensors.

        Raises:
            StepMemoryError: the device has too little memory.
            ValueError: the batch cannot be cut into equal parts.
        """
        try:
            if self._num_parts == 1:
                return self._run_whole(batch)
            self._check_size(batch)
            parts = [
                self._run_part(batch, tf.constant(index))
                for index in range(self._num_parts)
            ]
            losses = [tf.add_n(terms) for terms in zip(*parts, strict=True)]
            return self._run_update(losses)
        except tf.errors.ResourceExhaustedError as error:
            raise StepMemoryError(self._describe_memory(batch)) from error

    def _distributed_step(self, batch):
        """Trains on a batch at once, over all replicas; returns the logs."""
        rate = tf.cast(self._optimizer.learning_rate, tf.float32)
        values = self._strategy.run(self._replica_step, args=(batch,))
        *losses, norm = self._sum_replicas(values)
        return self._end(losses, norm, rate)

    def _distributed_part(self, batch, index):
        """Adds the gradients of a part of a batch; returns its share of the losses."""
        values = self._strategy.run(self._replica_part, args=(batch, index))
        return self._sum_replicas(values)

    def _distributed_update(self, losses):
        """Makes the update of a batch whose parts have been added; returns the logs."""
        rate = tf.cast(self._optimizer.learning_rate, tf.float32)
        (norm,) = self._sum_replicas(self._strategy.run(self._replica_update))
        return self._end(losses, norm, rate)

    def _sum_replicas(self, values) -> list[tf.Tensor]:
        """Returns the sums of the replicas' values."""
        return [self._strategy.reduce("SUM", value, axis=None) for value in values]

    def _end(self, losses, norm, rate) -> dict[str, tf.Tensor]:
        """Counts the step, averages the weights, notes a bad loss; returns the logs."""
        loss, l2_loss = losses
        if self.moving_average is not None:
            self.moving_average.update(self.number)
        is_first = tf.equal(self.bad_number, NO_STEP)
        is_bad = tf.logical_and(is_first, tf.logical_not(tf.math.is_finite(loss)))
        self.bad_number.assign(tf.where(is_bad, self.number, self.bad_number))
        self.number.assign_add(1)
        logs = {"loss": loss, "l2_loss": l2_loss, "learning_rate": rate}
        if self._config.clip_norm:
            logs["gradient_norm"] = norm
        return logs

    def _replica_step(self, batch):
        """Trains on a replica's share of a batch; returns its share of the logs."""
        gradients, losses = self._gradients(batch["image"], _targets(batch))
        return *losses, self._apply(gradients)

    def _replica_part(self, batch, index):
        """Adds the gradients of a part of a replica's share; returns its losses."""
        part = cut_part(batch, index=index, num_parts=self._num_parts)
        gradients, losses = self._gradients(
            part["image"], _targets(part), batch_targets=_targets(batch)
        )
        self._sum.add(gradients)
        return losses

    def _replica_update(self):
        """Makes the update of the sums; returns a share of the gradients' norm."""
        return (self._apply(self._sum.take()),)

    def _gradients(self, images, targets, **batch_targets):
        """Returns a replica's gradients, loss scale included, and its losses."""
        variables = self._variables
        # The only places that know of replicas: this one, and `_apply`.
        num_replicas = self._strategy.num_replicas_in_sync
        with tf.GradientTape() as tape:
            outputs = self._model(images, training=True)
            loss = self._loss(targets, outputs, step=self.number, **batch_targets)
            loss = tf.cast(loss, tf.float32) / num_replicas
            scaled_loss = self._optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, [v.value for v in variables])
        # That of each part, so that all parts together have it once.
        share = 1.0 / (num_replicas * self._num_parts)
        decay = {"variables": variables, "weight_decay": self._config.weight_decay}
        l2_loss = optimizers.l2_loss(**decay) * share
        gradients = optimizers.add_weight_decay(
            gradients, **decay, scale=self._optimizer.scale_loss(tf.constant(share))
        )
        return gradients, (loss + l2_loss, l2_loss)

    def _apply(self, gradients):
        """Updates the weights; returns a replica's share of the gradients' norm."""
        variables = self._variables
        num_replicas = self._strategy.num_replicas_in_sync
        clip_norm = self._config.clip_norm
        norm = tf.zeros(())
        gradients = optimizers.multiply_gradients(
            gradients, variables=variables, config=self._config
        )
        # Keras looks for infinite gradients on the first replica alone, and clips those
        # of each replica by themselves.
        scales_loss = isinstance(self._optimizer, keras.optimizers.LossScaleOptimizer)
        is_summed = num_replicas > 1 and (clip_norm > 0 or scales_loss)
        if is_summed:
            gradients = _sum_over_replicas(gradients)
        if clip_norm:
            scale = self._optimizer.scale_loss(tf.ones(()))
            gradients, norm = optimizers.clip_gradients(
                gradients, norm=clip_norm, scale=scale
            )
        if is_summed:
            # The optimizer sums over the replicas once more.
            gradients = [g if g is None else g / num_replicas for g in gradients]
        self._optimizer.apply(gradients, variables)
        return norm / num_replicas

    def _shares(self, batch) -> Sequence[tf.Tensor]:
        """Returns the images of each replica of this process."""
        return self._strategy.experimental_local_results(batch["image"])

    def _check_size(self, batch) -> None:
        """Raises ValueError unless each replica's images make equal parts."""
        for images in self._shares(batch):
            if images.shape[0] % self._num_parts:
                raise ValueError(
                    f"gradient_accumulation={self._num_parts} must divide the images "
                    f"of each device, which are {images.shape[0]}: change it, or the "
                    f"batch_size."
                )

    def _describe_memory(self, batch) -> str:
        """Returns what was too large, and what makes it smaller."""
        size, height, width = self._shares(batch)[0].shape[:3]
        parts = self._num_parts
        images = size // parts
        advice = ["lower --train_batch_size or --train_crop_size"]
        if images > 1:
            more = next(n for n in range(parts + 1, size + 1) if size % n == 0)
            advice.insert(
                0,
                f"raise --gradient_accumulation to {more} (the same update, from "
                f"smaller parts)",
            )
        if self._config.precision == "float32":
            advice.append("give --precision=mixed_bfloat16")
        return (
            f"The device has too little memory for a step on {images} "
            f"image{'' if images == 1 else 's'} of {height} x {width} at once in "
            f"{self._config.precision}: {', or '.join(advice)}."
        )


def _targets(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns what a batch holds besides the images."""
    return {key: value for key, value in batch.items() if key != "image"}


def _check_knows_parts(loss: Any) -> None:
    """Raises ValueError if a loss cannot tell a part of a batch from a batch."""
    parameters = inspect.signature(loss).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if "batch_targets" not in parameters and not takes_any:
        raise ValueError(
            f"gradient_accumulation needs a loss that takes `batch_targets`, as "
            f"SoftmaxCrossEntropy does; got {loss!r}."
        )


def _sum_over_replicas(gradients):
    """Returns the sums of the replicas' gradients; None stays None."""
    there = [gradient for gradient in gradients if gradient is not None]
    context = tf.distribute.get_replica_context()
    sums = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, there))
    return [None if gradient is None else next(sums) for gradient in gradients]
