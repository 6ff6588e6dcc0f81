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
        update_every_steps: steps for which the rate stays before it is computed anew.
        slow_start: the first steps.
    """

    learning_rate: float = 0.007
    power: float = 0.9
    end_learning_rate: float = 0.0
    decay_steps: int = 0
    update_every_steps: int = 1
    slow_start: SlowStart = SlowStart()

    def __post_init__(self) -> None:
        if self.update_every_steps < 1:
            raise ValueError(
                f"update_every_steps must be at least 1, got {self.update_every_steps}."
            )


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
class CaffeMomentumConfig(MomentumConfig):
    """Caffe's momentum: a = m a + rate g; w = w - a.

    It differs where the rate changes: what was accumulated keeps the rates that it was
    computed with.
    """


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Adam, and with a weight decay of its own AdamW (arXiv:1711.05101).

    Attributes:
        learning_rate: constant rate in place of the schedule's, as in research/deeplab
            (`adam_learning_rate`); None follows the schedule.
        beta_1: share of the mean of the gradients that an update keeps.
        beta_2: share of the mean of their squares that an update keeps.
        epsilon: added to the square root of the second moment.
        weight_decay: share of a weight that an update takes off, times the rate;
            0 is none. It acts on the weights that `TrainConfig.weight_decay` acts on,
            and in its place: set that one to 0.
    """

    learning_rate: float | None = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.beta_1 < 1 and 0 <= self.beta_2 < 1):
            raise ValueError(
                f"beta_1 and beta_2 must lie in [0, 1), got {self.beta_1} and "
                f"{self.beta_2}."
            )
        if self.epsilon < 0 or self.weight_decay < 0:
            raise ValueError(
                f"epsilon and weight_decay must not be negative, got {self.epsilon} "
                f"and {self.weight_decay}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a network is trained.

    Attributes:
        steps: number of updates.
        batch_size: examples of one update, over all replicas.
        gradient_accumulation: parts of a batch that go through the network one after
            the other, so that the activations of one part alone are in memory; their
            gradients are summed for one update.
        loss: a loss of `deeplab_tf.losses`.
        schedule: learning rate over steps.
        optimizer: rule of the update.
        weight_decay: factor on the sum of squares / 2 of all convolution kernels but
            the depthwise ones.
        clip_norm: largest norm of all gradients together; longer ones are shortened to
            it. 0 clips nothing.
        moving_average_decay: share of the exponential moving averages of the weights
            that an update keeps; validation then scores the averages. 0 keeps none.
        last_layer_gradient_multiplier: factor on the gradients of the last layers.
        last_layers_contain_logits_only: whether these are the logits alone, or all
            that follows the backbone.
        frozen_paths: patterns of the paths of variables that are not trained, as
            `(^|/)(gamma|beta)$`.
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
    gradient_accumulation: int = 1
    loss: typing.Any = None
    schedule: PolySchedule | StepSchedule | CosineSchedule | MultiStepSchedule = (
        PolySchedule()
    )
    optimizer: MomentumConfig | AdamConfig = MomentumConfig()
    weight_decay: float = 4e-5
    clip_norm: float = 0.0
    moving_average_decay: float = 0.0
    last_layer_gradient_multiplier: float = 1.0
    last_layers_contain_logits_only: bool = False
    frozen_paths: tuple[str, ...] = ()
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
        parts = self.gradient_accumulation
        if parts < 1 or self.batch_size % parts:
            raise ValueError(
                f"gradient_accumulation must be at least 1 and divide the batch_size, "
                f"{self.batch_size}, got {parts}."
            )
        if self.clip_norm < 0 or not 0 <= self.moving_average_decay < 1:
            raise ValueError(
                f"clip_norm must not be negative and moving_average_decay must lie in "
                f"[0, 1), got {self.clip_norm} and {self.moving_average_decay}."
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
