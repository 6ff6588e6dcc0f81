# Licensed under the Apache License, Version 2.0.
"""Training through Keras' own `fit`, on any of its backends."""

from typing import Any

import keras
from keras import ops


class _FitModel(keras.Model):
    """A network whose loss sees the dicts of targets and outputs.

    Keras' `compile(loss=...)` hands out one leaf at a time.
    """

    def __init__(self, network: keras.Model, loss: Any):
        # The network scales its input itself, in float32 under any policy.
        super().__init__(name=network.name, autocast=False)
        self.network = network
        # Keras would wrap a loss that it finds under `self.loss`.
        self.targets_loss = loss

    def call(self, inputs, training=None):
        """Returns the network's outputs."""
        return self.network(inputs, training=training)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Returns the loss of a batch, with what layers add to it."""
        if sample_weight is not None:
            raise ValueError(
                "fit_model takes no sample_weight: weigh classes in the loss."
            )
        step = self.optimizer.iterations if training else None
        loss = self.targets_loss(y, y_pred, step=step)
        return sum(self.losses, start=ops.cast(loss, "float32"))


def fit_model(model: keras.Model, loss: Any) -> keras.Model:
    """Returns a model over the same weights, for `compile` and `fit`.

    ```python
    trainer = fit_model(model, SoftmaxCrossEntropy())
    trainer.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9))
    trainer.fit(images, {"labels": labels}, epochs=3)
    ```

    Args:
        model: network from images to a dict of outputs; training it through the
            result changes its weights.
        loss: called with targets, outputs and `step`, returns a scalar.
    """
    return _FitModel(model, loss)
