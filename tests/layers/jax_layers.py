# Licensed under the Apache License, Version 2.0.
"""Runs the table of layers on JAX, compiled."""

import jax
import numpy as np

from tests import contracts
from tests.layers.layer_cases import CASES


def main(path):
    results = {}
    for name, case in CASES.items():
        layer = case.build(name="layer")
        arrays = contracts.inputs_of(case.shapes(batch=2))
        layer(arrays)
        contracts.draw_weights(layer)
        results[name] = predict_compiled(layer, arrays)
    np.savez(path, **results)


def predict_compiled(layer, inputs):
    """Calls a layer or a model in inference, under jit."""

    @jax.jit
    def predict(trainable, others, inputs):
        return layer.stateless_call(trainable, others, inputs)[0]

    trainable = [variable.value for variable in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]
    return predict(trainable, others, inputs)
