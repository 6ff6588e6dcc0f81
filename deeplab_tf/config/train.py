# Licensed under the Apache License, Version 2.0.
"""Configuration of training: schedule, optimizer, weight decay, steps."""

import dataclasses
import typing

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlowStart:
    """The first steps of a schedule, at a rate of their own.

    Attributes:
        steps: how many; 0 is no slow start.
        learning_rate: the rate of these steps.
        linear: whether the rate rises linearly from it to the schedule's instead.
    """

    steps: int = 0
    learning_rate: float = 1e-4
    linear: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class PolySchedule:
    """(base - end) * (1 - step / decay_steps) ** power + end.

    Attributes:
        learning_rate: rate at step 0.
        power: exponent; DeepLab takes 0.9.
        end_learning_rate: rate from the end of the decay on.
        decay_steps: length of the decay; 0 is the length of the training.
        slow_start: the first steps.
    """

    learning_rate: float = 0.007
    power: float = 0.9
    end_learning_rate: float = 0.0
    decay_steps: int = 0
    slow_start: SlowStart = SlowStart()


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepSchedule:
    """The rate falls by a factor every so many steps.

    Attributes:
        learning_rate: rate at step 0.
        decay_factor: factor at each fall.
        decay_every_steps: steps between two falls.
        slow_start: the first steps.
    """

    learning_rate: float = 0.007
    decay_factor: float = 0.1
    decay_every_steps: int = 2000
    slow_start: SlowStart = SlowStart()

    def __post_init__(self) -> None:
        if self.decay_every_steps < 1:
            raise ValueError(
                f"decay_every_steps must be at least 1, got {self.decay_every_steps}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CosineSchedule:
    """Half a cosine from the learning rate to 0.

    Attributes:
        learning_rate: rate at step 0.
        decay_steps: length of the decay; 0 is the length of the training.
        slow_start: the first steps.
    """

    learning_rate: float = 0.007
    decay_steps: int = 0
    slow_start: SlowStart = SlowStart()


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiStepSchedule:
    """A constant rate between given boundaries.

    Attributes:
        boundaries: steps at which the rate changes, ascending.
        learning_rates: one rate more than boundaries.
        slow_start: the first steps.
    """

    boundaries: tuple[int, ...] = ()
    learning_rates: tuple[float, ...] = (0.007,)
    slow_start: SlowStart = SlowStart()


@dataclasses.dataclass(frozen=True, kw_only=True)
class MomentumConfig:
    """TensorFlow 1's momentum: a = m a + g; w = w - rate a."""

    momentum: float = 0.9


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Adam.

    Attributes:
        learning_rate: constant rate in place of the schedule's, as in research/deeplab
            (`adam_learning_rate`); None follows the schedule.
        epsilon: added to the square root of the second moment.
    """

    learning_rate: float | None = 0.001
    epsilon: float = 1e-8


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a network is trained.

    Attributes:
        steps: number of updates.
        batch_size: examples of one update, over all replicas.
        loss: a loss of `deeplab_tf.losses`.
        schedule: learning rate over steps.
        optimizer: rule of the update.
        weight_decay: factor on the sum of squares / 2 of all convolution kernels but
            the depthwise ones.
        last_layer_gradient_multiplier: factor on the gradients of the last layers.
        last_layers_contain_logits_only: whether these are the logits alone, or all
            that follows the backbone.
        fine_tune_batch_norm: whether batch norm uses and updates batch statistics.
        precision: "float32", "mixed_bfloat16" or "mixed_float16".
        seed: seeds initialisation, order, augmentation and dropout.
        log_steps: steps between two progress lines and TensorBoard scalars.
        save_interval_steps: steps between two checkpoints; 0 saves none by steps, but
            by time where that is asked for, and at the end.
        eval_interval_steps: steps between two validations; 0 validates at the end
            only.
        max_eval_examples: validation stops after so many examples; 0 takes all.
        keep_checkpoints: how many of the latest checkpoints are kept.
    """

    steps: int = 30000
    batch_size: int = 16
    loss: typing.Any = None
    schedule: PolySchedule | StepSchedule | CosineSchedule | MultiStepSchedule = (
        PolySchedule()
    )
    optimizer: MomentumConfig | AdamConfig = MomentumConfig()
    weight_decay: float = 4e-5
    last_layer_gradient_multiplier: float = 1.0
    last_layers_contain_logits_only: bool = False
    fine_tune_batch_norm: bool = True
    precision: str = "float32"
    seed: int = 1
    log_steps: int = 10
    save_interval_steps: int = 1000
    eval_interval_steps: int = 0
    max_eval_examples: int = 0
    keep_checkpoints: int = 5

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1:
            raise ValueError(
                f"steps and batch_size must be at least 1, got {self.steps} and "
                f"{self.batch_size}."
            )
        if self.log_steps < 1 or self.keep_checkpoints < 1:
            raise ValueError(
                f"log_steps and keep_checkpoints must be at least 1, got "
                f"{self.log_steps} and {self.keep_checkpoints}."
            )
        if self.save_interval_steps < 0 or self.eval_interval_steps < 0:
            raise ValueError(
                f"save_interval_steps and eval_interval_steps must not be negative, "
                f"got {self.save_interval_steps} and {self.eval_interval_steps}."
            )
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision must be one of {PRECISIONS}, got {self.precision!r}."
            )
