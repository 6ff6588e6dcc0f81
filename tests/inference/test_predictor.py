# Licensed under the Apache License, Version 2.0.
import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.inference.predictor import Predictor, predictor
from tests.inference.toy_networks import pointwise_network

# At stride 2 the identity network sees the corners of this image alone.
IMAGE = np.array(
    [
        [[8, 0, 0], [9, 9, 9], [0, 4, 0]],
        [[9, 9, 9], [9, 9, 9], [9, 9, 9]],
        [[0, 4, 0], [9, 9, 9], [0, 0, 2]],
    ],
    np.uint8,
)


def test_outputs_upsample_logits_before_argmax():
    outputs = predictor(pointwise_network(stride=2))(IMAGE)
    np.testing.assert_array_equal(outputs["semantic"], IMAGE[::2, ::2])
    # The centre is the mean of the corners: (2, 2, 0.5); a tie is the first class.
    np.testing.assert_array_equal(outputs["labels"], [[0, 0, 1], [0, 0, 1], [1, 1, 2]])
    centre = np.exp([2.0, 2.0, 0.5]) / np.exp([2.0, 2.0, 0.5]).sum()
    np.testing.assert_allclose(outputs["probabilities"][1, 1], centre, rtol=1e-6)


def test_outputs_upsample_labels_when_asked():
    predict = predictor(pointwise_network(stride=2), upsample_logits=False)
    outputs = predict(IMAGE)
    # Nearest neighbours at equal distance: TensorFlow rounds half up.
    np.testing.assert_array_equal(outputs["labels"], [[0, 1, 1], [1, 2, 2], [1, 2, 2]])
    corners = tf.nn.softmax(IMAGE[::2, ::2].astype(np.float32)).numpy()
    np.testing.assert_allclose(
        outputs["probabilities"][1, 1], corners.mean(axis=(0, 1)), rtol=1e-6
    )


def test_types_and_shapes_of_outputs():
    predict = predictor(pointwise_network(stride=2))
    outputs = predict(np.zeros([2, 5, 7, 3], np.uint8))
    assert {name: value.dtype for name, value in outputs.items()} == {
        "semantic": tf.float32,
        "probabilities": tf.float32,
        "labels": tf.int32,
    }
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "semantic": (2, 3, 4, 3),
        "probabilities": (2, 5, 7, 3),
        "labels": (2, 5, 7),
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda image: image,
        lambda image: tf.constant(image),
        lambda image: image.astype(np.float32),
        lambda image: tf.constant(image, tf.float64),
    ],
    ids=["uint8 array", "uint8 tensor", "float32 array", "float64 tensor"],
)
def test_input_types_give_equal_outputs(make):
    predict = predictor(pointwise_network(stride=2))
    expected = predict(IMAGE[None])
    batched, single = predict(make(IMAGE[None])), predict(make(IMAGE))
    for name, value in expected.items():
        np.testing.assert_array_equal(batched[name], value)
        np.testing.assert_array_equal(single[name], value[0])


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 4), (1, 1, 5, 7, 3)], ids=str)
def test_other_shapes_are_an_error(shape):
    predict = predictor(pointwise_network())
    with pytest.raises(ValueError, match=r"must be \[batch, height, width, 3\]"):
        predict(np.zeros(shape, np.uint8))


def test_function_with_unknown_sizes_gives_the_eager_outputs():
    predict = predictor(pointwise_network(stride=2))

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
    def run(images):
        return predict(images)

    for shape in ((1, 3, 3, 3), (2, 5, 7, 3), (2, 4, 6, 3)):
        images = np.random.default_rng(0).integers(0, 9, shape).astype(np.uint8)
        outputs, expected = run(images), predict(images)
        for name, value in expected.items():
            np.testing.assert_array_equal(outputs[name], value)


def test_eager_calls_of_any_size_trace_once():
    traces = []

    def function(images):
        traces.append(images.shape)
        return {"labels": tf.zeros(tf.shape(images)[:3], tf.int32)}

    predict = Predictor(function=function)
    for size in (3, 4, 5, 6):
        assert predict(np.zeros([size, size + 1, 3]))["labels"].shape == (
            size,
            size + 1,
        )
    predict(np.zeros([2, 3, 3, 3]))
    assert len(traces) == 1


def test_select_keeps_the_named_outputs():
    predict = predictor(pointwise_network(stride=2))
    labels = predict.select(["labels"])
    outputs = labels(IMAGE)
    assert list(outputs) == ["labels"]
    np.testing.assert_array_equal(outputs["labels"], predict(IMAGE)["labels"])
    assert labels.logits_stride == predict.logits_stride


def test_select_computes_nothing_else():
    calls = []

    def compute(images):
        calls.append(images.shape)
        return images

    def function(images):
        return {
            "labels": tf.zeros(tf.shape(images)[:3], tf.int32),
            "probabilities": tf.numpy_function(
                compute, [images], tf.float32, stateful=False
            ),
        }

    predict = Predictor(function=function)
    predict.select(["labels"])(IMAGE)
    assert calls == []
    predict(IMAGE)
    assert calls == [(1, 3, 3, 3)]


def test_select_of_an_unknown_output_is_an_error():
    with pytest.raises(ValueError, match="no output masks: it has labels"):
        predictor(pointwise_network()).select(["masks"])(IMAGE)


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("size", [(None, None), (65, 97), (96, 128)], ids=str)
def test_stride_is_measured(stride, size):
    model = pointwise_network(stride=stride, size=size)
    assert predictor(model).logits_stride == stride
    assert predictor(model, logits_stride=5).logits_stride == 5


def test_network_without_a_stride_is_an_error():
    image = keras.Input((None, None, 3))
    cropped = keras.layers.Cropping2D(7)(image)
    with pytest.raises(ValueError, match="pass logits_stride"):
        predictor(keras.Model(image, {"semantic": cropped}))
    with pytest.raises(ValueError, match="under 'semantic'"):
        predictor(keras.Model(image, cropped))


def test_network_runs_in_inference_mode():
    image = keras.Input((None, None, 3))
    dropped = keras.layers.Dropout(0.5, seed=1)(image)
    predict = predictor(keras.Model(image, {"semantic": dropped}))
    np.testing.assert_array_equal(predict(IMAGE)["semantic"], IMAGE)
