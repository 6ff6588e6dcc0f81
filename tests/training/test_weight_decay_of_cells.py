# Licensed under the Apache License, Version 2.0.
"""Weight decay of searched networks: on depthwise kernels too, as recorded."""

import keras
import pytest

from deeplab_tf.checkpoints.slim_names import slim_name
from deeplab_tf.models import build_model
from deeplab_tf.training import optimizers
from tests import goldens


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize("name", goldens.NASNET)
def test_weight_decay_acts_on_the_variables_of_the_original(name, reference):
    golden = goldens.load(reference, name)
    with keras.StatelessScope(initialize_variables=False):
        paths = [weight.path for weight in build_model(golden.config).weights]
    keras.backend.clear_session()
    spared = set()
    for path in paths:
        ours = slim_name(path, scope=golden.scope)
        factor = optimizers.factor_of(
            path, rules=optimizers.WEIGHT_DECAY_RULES, default=0.0
        )
        assert not factor or ours.endswith("weights")
        if ours.endswith("weights") and not factor:
            spared.add(ours)
    assert spared == set(golden.case["weights_without_l2"])
