# Licensed under the Apache License, Version 2.0.
"""Learning rates over the steps of a training.

All is computed in float32 and in the order of the original: near the end of a long
poly schedule the rounding of 1 - step / decay_steps is most of the value.
"""

import math

import keras
from keras import ops

from deeplab_tf.config import serialization
from deeplab_tf.config import train as train_config

Schedule = (
    train_config.PolySchedule
    | train_config.StepSchedule
    | train_config.CosineSchedule
    | train_config.MultiStepSchedule
)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule's configuration as what Keras' optimizers take.

    Args:
        schedule: one of the schedules of `deeplab_tf.config.train`.
        total_steps: length of the training in steps.
    """

    def __init__(self, schedule: Schedule, *, total_steps: int):
        self.schedule = schedule
        self.total_steps = total_steps

    def __call__(self, step):
        """Returns the learning rate of a step, a float32 scalar."""
        return learning_rate(self.schedule, step=step, total_steps=self.total_steps)

    def get_config(self):
        """Returns the configuration as JSON types."""
        return {
            "schedule": serialization.to_dict(self.schedule),
            "total_steps": self.total_steps,
        }

    @classmethod
    def from_config(cls, config):
        """Returns the schedule that `get_config` described."""
        schedule = serialization.from_dict(config["schedule"])
        return cls(schedule, total_steps=config["total_steps"])


def learning_rate(schedule: Schedule, *, step, total_steps: int):
    """Returns the learning rate of a step.

    Args:
        schedule: one of the schedules of `deeplab_tf.config.train`.
        step: number of updates so far, an int or an integer scalar.
        total_steps: length of the training; a decay whose length is 0 in the
            configuration takes what the slow start leaves of it.

    Returns:
        A float32 scalar.

    Reference: research/deeplab, utils/train_utils.py, get_model_learning_rate.
    """
    if not isinstance(schedule, Schedule):
        raise ValueError(
            f"Expected one of the schedules of deeplab_tf.config.train, got "
            f"{schedule!r}."
        )
    slow_start = schedule.slow_start
    step = ops.cast(step, "float32")
    # Decays count from the end of the slow start.
    decay_step = ops.maximum(step - slow_start.steps, 0.0)
    remaining_steps = max(total_steps - slow_start.steps, 1)
    if isinstance(schedule, train_config.PolySchedule):
        first_rate = schedule.learning_rate
        rate = _poly(schedule, decay_step, schedule.decay_steps or remaining_steps)
    elif isinstance(schedule, train_config.StepSchedule):
        first_rate = schedule.learning_rate
        falls = ops.floor(decay_step / schedule.decay_every_steps)
        rate = first_rate * ops.power(schedule.decay_factor, falls)
    elif isinstance(schedule, train_config.CosineSchedule):
        first_rate = schedule.learning_rate
        rate = _cosine(schedule, decay_step, schedule.decay_steps or remaining_steps)
    else:
        first_rate = schedule.learning_rates[0]
        rate = _multi_step(schedule, decay_step)
    if slow_start.steps == 0:
        return rate
    slow_rate = slow_start.learning_rate
    if slow_start.linear:
        rise = first_rate - slow_rate
        slow_rate = slow_rate + rise * step / slow_start.steps
    return ops.where(step < slow_start.steps, slow_rate, rate)


def _poly(schedule: train_config.PolySchedule, step, decay_steps: int):
    """Returns the poly rate, `step` counted from the end of the slow start."""
    if schedule.update_every_steps > 1:
        step = step - step % schedule.update_every_steps
    share = ops.minimum(step, decay_steps) / decay_steps
    span = schedule.learning_rate - schedule.end_learning_rate
    return span * ops.power(1.0 - share, schedule.power) + schedule.end_learning_rate


def _cosine(schedule: train_config.CosineSchedule, step, decay_steps: int):
    """Returns the cosine rate, `step` counted from the end of the slow start."""
    share = ops.minimum(step, decay_steps) / decay_steps
    return schedule.learning_rate * (0.5 * (1.0 + ops.cos(math.pi * share)))


def _multi_step(schedule: train_config.MultiStepSchedule, step):
    """Returns the rate between two boundaries; at one, still that before it."""
    boundaries, rates = schedule.boundaries, schedule.learning_rates
    if len(rates) != len(boundaries) + 1 or list(boundaries) != sorted(boundaries):
        raise ValueError(
            f"A multi-step schedule takes ascending boundaries and one learning rate "
            f"more than boundaries, got {boundaries} and {rates}."
        )
    rate = ops.full((), rates[0], dtype="float32")
    for boundary, next_rate in zip(boundaries, rates[1:], strict=True):
        rate = ops.where(step > boundary, next_rate, rate)
    return rate
