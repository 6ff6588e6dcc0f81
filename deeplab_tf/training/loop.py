# Licensed under the Apache License, Version 2.0.
"""The training loop: a step on every replica, and Keras callbacks around it.

It is driven by steps, knows no epochs, and calls of a `keras.callbacks.Callback` the
methods `on_train_begin`, `on_train_batch_begin`, `on_train_batch_end` and
`on_train_end`. Their `batch` is the number of updates at that moment. The logs are
tensors, so that a step waits for the device only where a callback reads them.
"""

import collections
import logging
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.config.train import TrainConfig
from deeplab_tf.training import optimizers
from deeplab_tf.training.moving_average import MovingAverage
from deeplab_tf.training.step import NO_STEP, TrainStep

log = logging.getLogger(__name__)

# Distance of the replicas' dropout seeds; any number other than 0 will do.
_SEED_STRIDE = 7919
# float16's gradients are too large for it whatever the factor on the loss.
_MIN_LOSS_SCALE = 1.0


class NonFiniteLossError(ValueError):
    """The loss, its gradients, or a value to be saved is not a finite number."""


class TrainLoop:
    """A network, its loss and its optimizer, trained step by step.

    Build it under `strategy.scope()`, as the network.

    The loss of a step is the mean over the replicas of `loss(targets, outputs)`, plus
    the weight decay. Where the loss is a mean over pixels, as the cross entropy, that
    is the mean over the batch if all replicas count equally many pixels, and otherwise
    what research/deeplab computes with several clones.

    Args:
        model: network from [B, H, W, 3] images to a dict of outputs.
        config: weight decay, gradient multipliers, accumulation, clipping, averages;
            `log_steps` is the longest time after which a loss that is not finite is
            noticed.
        loss: called with targets, outputs and `step`, returns a float32 scalar. With
            gradient accumulation it gets the parts of a batch, and `batch_targets`:
            see `SoftmaxCrossEntropy`.
        optimizer: the rule of the update; None builds that of `config`.
        strategy: the devices; None is one device.

    Attributes:
        model: the network.
        loss: the loss.
        optimizer: the optimizer, built.
        strategy: the devices.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        config: TrainConfig,
        loss: Any,
        optimizer: keras.optimizers.Optimizer | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ):
        self.model = model
        self.strategy = strategy or tf.distribute.get_strategy()
        self._config = config
        self.loss = loss
        if optimizer is None:
            warn_of_two_weight_decays(config)
        with self.strategy.scope():
            self.optimizer = optimizer or optimizers.build_optimizer(config)
            self.optimizer.build(optimizers.trained_variables(model, config=config))
            self._train_step = TrainStep(
                model,
                config=config,
                loss=loss,
                optimizer=self.optimizer,
                strategy=self.strategy,
            )
        self._skipped = 0
        self._recent: collections.deque = collections.deque(maxlen=config.log_steps)

    @property
    def step(self) -> int:
        """Number of updates so far; a checkpoint's when training goes on."""
        return int(self._train_step.number.numpy())

    @step.setter
    def step(self, value: int) -> None:
        self._train_step.number.assign(value)

    @property
    def moving_average(self) -> MovingAverage | None:
        """The averages of the weights; None where the configuration keeps none."""
        return self._train_step.moving_average

    def run(
        self,
        batches: Iterable,
        *,
        steps: int,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> dict[str, float]:
        """Trains until `steps` updates are done or a callback stops the training.

        Args:
            batches: dicts of `image` [B, H, W, 3], the targets and, for messages,
                `image_name`; B is the batch over all replicas. A `tf.data.Dataset` is
                spread over the replicas.
            steps: number of updates at the end, those before this call included.
            callbacks: called in this order; one of them may set
                `model.stop_training`.

        Returns:
            The logs of the last step: `loss`, `l2_loss` (its part that is weight
            decay), `learning_rate` and, where gradients are clipped, their
            `gradient_norm` before that; empty if there was nothing to do.

        Raises:
            NonFiniteLossError: the loss of a step was not finite.
            StepMemoryError: the device has too little memory.
            ValueError: the batches ended too early, or make no equal parts.
        """
        self._vary_seeds()
        self._recent.clear()
        self._skipped = self._count_skipped()
        if self.step == 0 and self.moving_average is not None:
            self.moving_average.start()
        self.model.stop_training = False
        for callback in callbacks:
            callback.set_model(self.model)
            callback.on_train_begin()
        logs: dict[str, Any] = {}
        step = self.step
        iterator = iter(self._distribute(batches)) if step < steps else iter(())
        while step < steps and not self.model.stop_training:
            for callback in callbacks:
                callback.on_train_batch_begin(step)
            batch = _next_batch(iterator, step, steps)
            names = batch.pop("image_name", None)
            self._recent.append((step, names))
            logs = self._train_step(batch)
            step += 1
            if step % self._config.log_steps == 0:
                self.check_finite()
            for callback in callbacks:
                callback.on_train_batch_end(step, logs)
        self.check_finite()
        for callback in callbacks:
            callback.on_train_end(logs)
        return {key: float(value) for key, value in logs.items()}

    def check_finite(self) -> None:
        """Raises NonFiniteLossError if the loss of any step so far was not finite."""
        bad_number = int(self._train_step.bad_number.numpy())
        if bad_number == NO_STEP:
            self._check_loss_scale()
            return
        names = dict(self._recent).get(bad_number)
        locals_ = self.strategy.experimental_local_results(names)
        files = [
            name.decode(errors="replace")
            for part in locals_
            if part is not None
            for name in _list(part)
        ]
        raise NonFiniteLossError(
            f"The loss is not finite at step {bad_number + 1}. The batch was made of "
            f"{', '.join(files) or 'examples without names'}. Lower the learning rate, "
            f"or look at these images and labels."
        )

    def _check_loss_scale(self) -> None:
        """Tells of updates that float16 left out; raises if it leaves out all."""
        skipped = self._count_skipped()
        if skipped == self._skipped:
            return
        scale = float(self.optimizer.dynamic_scale.numpy())
        log.info(
            "Up to step %d, %d updates were left out: a gradient was too large for "
            "float16. The loss is scaled by %g now.",
            self.step,
            skipped,
            scale,
        )
        self._skipped = skipped
        if scale < _MIN_LOSS_SCALE:
            raise NonFiniteLossError(
                f"The gradients are not finite at step {self.step}, whatever the loss "
                f"is scaled by. Lower the learning rate, or train in mixed_bfloat16."
            )

    def _count_skipped(self) -> int:
        """Returns how many updates float16 left out; 0 in another precision."""
        if not isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            return 0
        return self.step - int(self.optimizer.iterations.numpy())

    def _distribute(self, batches: Iterable) -> Iterable:
        """Returns the batches as what `strategy.run` takes."""
        if isinstance(batches, tf.data.Dataset):
            return self.strategy.experimental_distribute_dataset(batches)
        return batches

    def _vary_seeds(self) -> None:
        """Gives the random layers of each replica a seed of their own.

        Keras copies one seed to all replicas, which would then drop the same values of
        their share of the batch. The first replica keeps its seed, the one that a
        checkpoint holds.
        """
        states = seed_states(self.model)
        if self.strategy.num_replicas_in_sync == 1 or not states:
            return

        def vary(values):
            context = tf.distribute.get_replica_context()
            replica = context.replica_id_in_sync_group
            for state, value in zip(states, values, strict=True):
                offset = [_SEED_STRIDE * tf.cast(replica, value.dtype), 0]
                state.value.assign(value + tf.stack(offset))

        values = [tf.constant(state.numpy()) for state in states]
        tf.function(self.strategy.run)(vary, args=(values,))


def warn_of_two_weight_decays(config: TrainConfig) -> None:
    """Logs a warning if both the loss and the optimizer make weights smaller."""
    decoupled = getattr(config.optimizer, "weight_decay", 0.0)
    if config.weight_decay and decoupled:
        log.warning(
            "Weights decay twice: by train.weight_decay=%g in the loss and by "
            "train.optimizer.weight_decay=%g in the update. Set one of them to 0: for "
            "AdamW train.weight_decay (--weight_decay=0).",
            config.weight_decay,
            decoupled,
        )


def seed_states(model: keras.Model) -> list[keras.Variable]:
    """Returns the state of a network's random layers, in none of `model.weights`."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _next_batch(iterator, step: int, steps: int) -> dict[str, Any]:
    """Returns the next batch as a dict of its own."""
    try:
        return dict(next(iterator))
    except StopIteration:
        raise ValueError(
            f"The data ended after {step} of {steps} steps; training needs batches "
            f"without end."
        ) from None


def _list(names: Any) -> list[bytes]:
    """Returns the names of a part of a batch."""
    return list(tf.reshape(names, [-1]).numpy())
