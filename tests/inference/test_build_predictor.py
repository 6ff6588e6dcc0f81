# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.export import comparison
from deeplab_tf.inference.build_predictor import (
    ImageSize,
    build_predictor,
    is_multi_scale,
)
from deeplab_tf.inference.predictor import predictor
from tests.export.networks import build_network

EVALUATION = EvaluationConfig(crop_size=(49, 65))


@pytest.fixture(scope="module")
def network():
    return build_network()


def images_of(*size):
    (images,) = comparison.probe_images(size)
    return images


@pytest.mark.parametrize(
    ("scales", "flip", "expected"),
    [
        ((1.0,), False, False),
        ((1.0,), True, True),
        ((0.5,), False, True),
        ((1.0, 0.5), False, True),
    ],
)
def test_averages_are_multi_scale(scales, flip, expected):
    evaluation = EvaluationConfig(scales=scales, flip=flip)
    assert is_multi_scale(evaluation) is expected


@pytest.mark.slow
def test_without_padding_the_image_runs_as_it_is(network):
    model, config = network
    evaluation = EvaluationConfig(crop_size=(49, 65), pad_to_crop=False)
    predict = build_predictor(model, config, evaluation)
    images = images_of(1, 33, 40)
    plain = predictor(model)(images)
    assert np.array_equal(predict(images)["labels"], plain["labels"])


@pytest.mark.slow
def test_resized_images_get_labels_of_their_own_size(network):
    predict = build_predictor(
        *network, EVALUATION, image_size=ImageSize(min_resize_value=33)
    )
    labels = predict(images_of(1, 66, 80))["labels"]
    assert labels.shape == (1, 66, 80)
