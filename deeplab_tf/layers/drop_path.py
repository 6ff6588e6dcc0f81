# Licensed under the Apache License, Version 2.0.
"""Drop path: in training a branch is left out now and then, image by image."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="deeplab_tf")
class DropPath(keras.layers.Layer):
    """Leaves a branch out at random, the more often the deeper it lies and the later.

    A branch that is kept is divided by the probability of that. The probability falls
    linearly with the depth, and during the ramp with the number of training calls so
    far: that is the second number of the layer's seed, which grows by one with each,
    and which a checkpoint of a training holds as that of any random layer.

    Reference: NASNet (arXiv:1707.07012), appendix A.7, ScheduledDropPath;
    research/deeplab/core/nas_cell.py: _apply_drop_path.

    Args:
        keep_prob: probability to keep the deepest branch at the end of the ramp.
        depth_fraction: depth of this branch over the network's, in (0, 1].
        ramp_calls: training calls in which the probability falls from 1 to its end;
            0 is no ramp.
        seed: of the draws; None is a random one.

    Call arguments:
        x: [B, H, W, C].
        training: whether this is a training step.

    Returns:
        [B, H, W, C] of the type of `x`.
    """

    def __init__(
        self,
        keep_prob: float,
        *,
        depth_fraction: float = 1.0,
        ramp_calls: int = 0,
        seed: int | None = None,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(name=name, dtype=dtype, **kwargs)
        if not (0 < keep_prob <= 1 and 0 < depth_fraction <= 1 and ramp_calls >= 0):
            raise ValueError(
                f"keep_prob and depth_fraction must lie in (0, 1] and ramp_calls must "
                f"not be negative, got {keep_prob}, {depth_fraction} and {ramp_calls}."
            )
        self.keep_prob = keep_prob
        self.depth_fraction = depth_fraction
        self.ramp_calls = ramp_calls
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, x, training=False):
        """Drops whole images of `x`, or none outside of training."""
        if not training:
            return x
        keep = self.current_keep_prob()
        shape = (ops.shape(x)[0], 1, 1, 1)
        draws = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        factor = ops.floor(draws + keep) / keep
        return x * ops.cast(factor, x.dtype)

    def current_keep_prob(self):
        """Returns the probability of the next training call, a float32 scalar."""
        keep_prob = 1.0 - self.depth_fraction * (1.0 - self.keep_prob)
        if not self.ramp_calls:
            return ops.convert_to_tensor(keep_prob, dtype="float32")
        calls = ops.cast(self.seed_generator.state, "float32")[1]
        progress = ops.minimum(calls / self.ramp_calls, 1.0)
        return 1.0 - progress * (1.0 - keep_prob)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the input."""
        return input_shape

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "keep_prob": self.keep_prob,
            "depth_fraction": self.depth_fraction,
            "ramp_calls": self.ramp_calls,
            "seed": self.seed,
        }
