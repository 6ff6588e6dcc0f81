# Licensed under the Apache License, Version 2.0.
"""Networks against the recorded ones of research/deeplab."""

import keras
import numpy as np
import pytest

from deeplab_tf.layers.resize import resize_bilinear
from tests import contracts, goldens

pytestmark = [pytest.mark.reference, pytest.mark.slow]
every_case = pytest.mark.parametrize("name", goldens.MOBILENET_V2)


@pytest.fixture(scope="module")
def results(reference):
    """Returns name -> recorded values and our logits."""
    cache = {}

    def compute(name):
        if name not in cache:
            golden = goldens.load(reference, name)
            model = golden.build()
            tensors = {
                "semantic": model.output["semantic"],
                "encoder": model.get_layer("aspp").output,
            }
            model = keras.Model(model.input, tensors)
            cache[name] = golden, model(golden.image)
        return cache[name]

    return compute


@every_case
def test_logits_are_those_of_the_original(name, results):
    golden, ours = results(name)
    logits = golden.arrays["logits"][None]
    contracts.assert_close(ours["semantic"], logits, tolerance=1e-4)


@every_case
def test_labels_are_those_of_the_original(name, results):
    golden, ours = results(name)
    logits = resize_bilinear(ours["semantic"], golden.image.shape[1:3])
    labels = np.argmax(logits, axis=-1)[0]
    assert np.mean(labels == golden.arrays["labels"]) >= 0.999


@every_case
def test_encoder_is_that_of_the_original(name, results):
    golden, ours = results(name)
    stride = golden.case["arrays"]["encoder"]["channel_stride"]
    encoder = golden.arrays["encoder"][None].astype("float32")
    # Recorded in float16.
    contracts.assert_close(ours["encoder"][..., ::stride], encoder, tolerance=1e-3)
