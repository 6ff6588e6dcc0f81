# Licensed under the Apache License, Version 2.0.
"""How the convolutions of a network are normalised and activated."""

import dataclasses

ACTIVATIONS = ("relu", "relu6")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvStyle:
    """What all convolutions of a backbone or of a head have in common.

    It is passed explicitly from model to backbone to layer. A model's configuration
    holds two, since backbone and head of the originals differ.

    Attributes:
        norm_momentum: share of the old moving statistics that an update keeps.
        norm_epsilon: added to the variance before the square root.
        train_norm: whether training normalises with the statistics of the batch and
            updates the moving ones. If not, the moving statistics stay as they are;
            gamma and beta are trained either way, as in research/deeplab with
            `--fine_tune_batch_norm=false`.
        synchronized_norm: whether the statistics are those of all replicas.
        activation: "relu" or "relu6".
    """

    norm_momentum: float = 0.9997
    norm_epsilon: float = 1e-5
    train_norm: bool = True
    synchronized_norm: bool = False
    activation: str = "relu"

    def __post_init__(self) -> None:
        if not 0 <= self.norm_momentum < 1:
            raise ValueError(
                f"norm_momentum must lie in [0, 1), got {self.norm_momentum}."
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {ACTIVATIONS}, got {self.activation!r}."
            )
