# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.inference.fit_to_crop import fit_to_crop
from deeplab_tf.inference.multi_scale import multi_scale, scaled_size
from deeplab_tf.inference.predictor import predictor
from tests.inference.toy_networks import column_network, pointwise_network


def sigmoid(values):
    return 1 / (1 + np.exp(-np.asarray(values, np.float64)))


def blank(width, height=1):
    return np.zeros([height, width, 3], np.uint8)


def resample(values, size):
    """Aligns the corners of a row of numbers."""
    places = np.linspace(0, len(values) - 1, size)
    return np.interp(places, np.arange(len(values)), values)


def test_flip_averages_with_the_mirror_image():
    predict = predictor(column_network(num_classes=2))
    outputs = multi_scale(predict, scales=[1.0], flip=True)(blank(3))
    # Logits of class 1: 0, 1, 2 and, mirrored and turned back, 2, 1, 0.
    expected = (sigmoid([0, 1, 2]) + sigmoid([2, 1, 0])) / 2
    np.testing.assert_allclose(outputs["probabilities"][0, :, 1], expected, rtol=1e-6)
    assert set(outputs) == {"probabilities", "labels"}


def test_flip_mirrors_columns_and_not_rows():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) % 5
    predict = predictor(pointwise_network())
    outputs = multi_scale(predict, scales=[1.0], flip=True)(image)
    np.testing.assert_allclose(
        outputs["probabilities"], predict(image)["probabilities"], rtol=1e-6
    )


def test_scales_average_probabilities():
    predict = predictor(column_network(num_classes=2))
    outputs = multi_scale(predict, scales=[0.5, 1.0, 2.0])(blank(5))
    # 3 columns stretched to 5, 5 columns, 9 columns squeezed to 5.
    rows = [[0, 0.5, 1, 1.5, 2], [0, 1, 2, 3, 4], [0, 2, 4, 6, 8]]
    expected = np.mean([sigmoid(row) for row in rows], axis=0)
    np.testing.assert_allclose(outputs["probabilities"][0, :, 1], expected, rtol=1e-6)
    np.testing.assert_array_equal(outputs["labels"], [[0, 1, 1, 1, 1]])


def test_small_scales_go_over_the_grid_of_the_image():
    # 9 columns, scaled by 0.75 to 7: at stride 2 logits of 4 columns, which go to
    # the 5 columns of scale 1 before they go to 9.
    row = np.array([0, 40, 80, 10, 30, 90, 20, 60, 50], np.float64)
    kernel = np.array([[0, 0.03], [0, 0], [0, 0]], np.float32)
    predict = predictor(pointwise_network(stride=2, kernel=kernel))
    image = np.zeros([1, 9, 3], np.uint8)
    image[0, :, 0] = row
    logits = 0.03 * resample(row, 7)[::2]
    expected = sigmoid(resample(resample(logits, 5), 9))
    assert np.abs(expected - sigmoid(resample(logits, 9))).max() > 0.01
    outputs = multi_scale(predict, scales=[0.75])(image)
    np.testing.assert_allclose(outputs["probabilities"][0, :, 1], expected, rtol=1e-5)


def test_large_scales_go_over_their_own_grid():
    row = np.array([0, 40, 80, 10, 30], np.float64)
    kernel = np.array([[0, 0.03], [0, 0], [0, 0]], np.float32)
    predict = predictor(pointwise_network(stride=2, kernel=kernel))
    image = np.zeros([1, 5, 3], np.uint8)
    image[0, :, 0] = row
    # Scaled by 1.5 to 7 columns: logits of 4, where scale 1 has 3.
    expected = sigmoid(resample(0.03 * resample(row, 7)[::2], 5))
    outputs = multi_scale(predict, scales=[1.5])(image)
    np.testing.assert_allclose(outputs["probabilities"][0, :, 1], expected, rtol=1e-5)


def test_one_scale_without_flip_is_the_predictor():
    image = np.random.default_rng(3).integers(0, 9, [2, 6, 8, 3]).astype(np.uint8)
    predict = predictor(pointwise_network(stride=2))
    outputs, expected = multi_scale(predict, scales=[1])(image), predict(image)
    np.testing.assert_array_equal(outputs["labels"], expected["labels"])
    np.testing.assert_allclose(
        outputs["probabilities"], expected["probabilities"], rtol=1e-6
    )


def test_function_with_unknown_sizes():
    predict = multi_scale(
        predictor(pointwise_network(stride=2)), scales=[0.5, 1.75], flip=True
    )

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
    def run(images):
        return predict(images)

    for shape in ((1, 5, 9, 3), (2, 8, 6, 3)):
        images = np.random.default_rng(0).integers(0, 9, shape).astype(np.uint8)
        outputs = run(images)
        assert outputs["probabilities"].shape == shape
        fixed = tf.function(predict.function)(tf.constant(images, tf.float32))
        np.testing.assert_array_equal(outputs["labels"], fixed["labels"])
        np.testing.assert_allclose(np.sum(outputs["probabilities"], -1), 1, rtol=1e-6)


def test_scaled_size_of_tensors_is_that_of_ints():
    sides = range(1, 300)
    for scale in (0.35, 0.5, 0.55, 0.7, 1.1, 1.75 / 16, 1.15, 1 / 16):
        ints = [scaled_size((side, 5), scale)[0] for side in sides]
        tensors = scaled_size((tf.constant(sides), 5), scale)[0]
        assert tensors.numpy().tolist() == ints


@pytest.mark.parametrize("scales", [(), (0.5, 0.0), (-1.0,)], ids=str)
def test_scales_must_be_positive(scales):
    with pytest.raises(ValueError, match="scales must be positive"):
        multi_scale(predictor(pointwise_network()), scales=scales)


def test_predictors_without_logits_of_the_image_are_an_error():
    predict = predictor(pointwise_network())
    wrapped = [
        multi_scale(predict, scales=[1.0]),
        fit_to_crop(predict, crop_size=(9, 9), padding_pixel=(0, 0, 0)),
    ]
    for wrapper in wrapped:
        with pytest.raises(ValueError, match="logits on the grid of the image"):
            multi_scale(wrapper, scales=[1.0])
