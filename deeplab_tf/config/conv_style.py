# Licensed under the Apache License, Version 2.0.
"""How the convolutions of a network are normalised and activated."""

import dataclasses

ACTIVATIONS = ("relu", "relu6")
PADDINGS = ("same", "explicit", "none")
RESIZES = ("align_corners", "half_pixel", "asymmetric")


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
        padding: of convolutions with a stride: "same" is TensorFlow's, which pads
            more below and to the right where the input's side is even; "explicit"
            pads all sides alike, so that the result is the one of stride 1,
            subsampled. Without a stride both are the same. "none" pads nothing, at
            any stride: what comes before a convolution has to.
        resize: where bilinear resizing of features and logits samples:
            "align_corners" keeps the centres of the corner pixels, as research/deeplab
            does everywhere; "half_pixel" keeps the outer edges, as PyTorch does;
            "asymmetric" scales positions from the first pixel, as TensorFlow 1 did
            where nothing was asked for.
    """

    norm_momentum: float = 0.9997
    norm_epsilon: float = 1e-5
    train_norm: bool = True
    synchronized_norm: bool = False
    activation: str = "relu"
    padding: str = "same"
    resize: str = "align_corners"

    def __post_init__(self) -> None:
        if not 0 <= self.norm_momentum < 1:
            raise ValueError(
                f"norm_momentum must lie in [0, 1), got {self.norm_momentum}."
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {ACTIVATIONS}, got {self.activation!r}."
            )
        if self.padding not in PADDINGS:
            raise ValueError(
                f"padding must be one of {PADDINGS}, got {self.padding!r}."
            )
        if self.resize not in RESIZES:
            raise ValueError(f"resize must be one of {RESIZES}, got {self.resize!r}.")
