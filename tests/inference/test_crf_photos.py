# Licensed under the Apache License, Version 2.0.
"""The published parameters on real photos, beside pydensecrf and beside the truth."""

import dataclasses
import functools

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.config.dense_crf import PRESETS
from deeplab_tf.inference.dense_crf import array_refiner
from deeplab_tf.inference.predictor import upsampled_outputs

pytestmark = [pytest.mark.reference, pytest.mark.slow]

PHOTOS = ("bird", "voc_1", "voc_23")
SIDE = 257


def read_photo(reference, name):
    """Returns a photo, the truth and what a trained network says of it."""
    folder = reference / "reference" / "trained"
    image = Image.open(folder / "images" / f"{name}.png").convert("RGB")
    truth = Image.open(folder / "masks" / f"{name}.png")
    logits = np.load(folder / "logits" / "deeplabv3_mnv2_dm05_pascal" / f"{name}.npy")
    outputs = upsampled_outputs(logits[None], (SIDE, SIDE))
    return (
        np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))[None],
        np.asarray(truth.resize((SIDE, SIDE), Image.Resampling.NEAREST)),
        outputs["probabilities"].numpy(),
    )


@functools.cache
def refiner(config):
    """Returns the refiner of a configuration, traced once for all photos."""
    return array_refiner(config)


@pytest.mark.parametrize("share", [0.0, 0.01])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", PHOTOS)
def test_marginals_are_those_of_pydensecrf(reference, name, preset, share):
    pytest.importorskip("pydensecrf.densecrf")
    image, _, probabilities = read_photo(reference, name)
    ours = dataclasses.replace(PRESETS[preset], min_probability=share)
    peer = dataclasses.replace(ours, backend="pydensecrf")
    found, expected = (refiner(config)(probabilities, image) for config in (ours, peer))
    assert np.abs(found - expected).mean() < 1e-4
    assert (found.argmax(-1) == expected.argmax(-1)).mean() > 0.9995


@pytest.mark.parametrize("preset", PRESETS)
def test_labels_come_nearer_to_the_truth(reference, preset):
    refine = refiner(PRESETS[preset])
    for name in PHOTOS:
        image, truth, probabilities = read_photo(reference, name)
        counts = truth != 255
        before = (probabilities[0].argmax(-1) == truth)[counts].mean()
        after = (refine(probabilities, image)[0].argmax(-1) == truth)[counts].mean()
        assert after > before
