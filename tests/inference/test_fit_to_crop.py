# Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data import augment
from deeplab_tf.inference.fit_to_crop import fit_to_crop, resize_to_range_size
from deeplab_tf.inference.multi_scale import multi_scale
from deeplab_tf.inference.predictor import predictor
from tests.inference.toy_networks import pointwise_network

PIXEL = (1.0, 127.5, 2.0)


def identity(**options):
    """Shows as `semantic` what reaches the network."""
    return fit_to_crop(
        predictor(pointwise_network()), **{"padding_pixel": PIXEL, **options}
    )


def random_image(*shape):
    return np.random.default_rng(7).integers(0, 256, shape).astype(np.uint8)


def test_small_images_are_padded_at_the_bottom_and_right():
    image = random_image(2, 3, 3)
    outputs = identity(crop_size=(3, 5))(image)
    expected = np.tile(np.float32(PIXEL), [3, 5, 1])
    expected[:2, :3] = image
    np.testing.assert_array_equal(outputs["semantic"], expected)
    np.testing.assert_array_equal(outputs["labels"], image.argmax(axis=-1))
    assert outputs["probabilities"].shape == (2, 3, 3)


def test_sides_are_padded_apart_and_larger_images_run_whole():
    predict = identity(crop_size=(4, 4))
    assert predict(random_image(6, 2, 3))["semantic"].shape == (6, 4, 3)
    image = random_image(2, 5, 6, 3)
    np.testing.assert_array_equal(predict(image)["semantic"], image)


def test_padding_can_be_left_out():
    image = random_image(2, 3, 3)
    outputs = identity(crop_size=(9, 9), pad_to_crop=False)(image)
    np.testing.assert_array_equal(outputs["semantic"], image)


def test_resized_labels_come_back_to_the_nearest():
    # 4 x 2 becomes 2 x 1: the corners of the image.
    image = np.zeros([4, 2, 3], np.uint8)
    image[0, 0] = [9, 0, 0]
    image[3, 0] = [0, 0, 9]
    image[0, 1] = image[3, 1] = [0, 9, 0]
    predict = identity(crop_size=(3, 3), min_resize_value=1)
    outputs = predict(image)
    np.testing.assert_array_equal(outputs["semantic"][:2, 0], image[[0, 3], 0])
    np.testing.assert_array_equal(outputs["semantic"][2, 2], PIXEL)
    np.testing.assert_array_equal(outputs["labels"], [[0, 0], [0, 0], [2, 2], [2, 2]])
    top, bottom = (
        tf.nn.softmax(tf.constant(row, tf.float32)).numpy()
        for row in (image[0, 0], image[3, 0])
    )
    np.testing.assert_allclose(
        outputs["probabilities"][1, 0], (2 * top + bottom) / 3, rtol=1e-5
    )


def test_multi_scale_inside_keeps_its_outputs():
    inner = multi_scale(predictor(pointwise_network()), scales=[0.5, 1], flip=True)
    predict = fit_to_crop(inner, crop_size=(7, 9), padding_pixel=PIXEL)
    outputs = predict(random_image(2, 5, 6, 3))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "probabilities": (2, 5, 6, 3),
        "labels": (2, 5, 6),
    }


def test_function_with_unknown_sizes():
    predict = identity(
        crop_size=(20, 30),
        min_resize_value=8,
        max_resize_value=25,
        resize_factor=4,
    )

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
    def run(images):
        return predict(images)

    for shape in ((1, 37, 53, 3), (2, 9, 60, 3)):
        images = random_image(*shape)
        outputs = run(images)
        assert outputs["labels"].shape == shape[:3]
        fixed = tf.function(predict.function)(tf.constant(images, tf.float32))
        for name, value in fixed.items():
            np.testing.assert_array_equal(outputs[name], value)


def test_fixed_sizes_stay_known_in_a_graph():
    predict = identity(crop_size=(20, 30), min_resize_value=8)
    function = tf.function(predict.function)
    spec = tf.TensorSpec([None, 16, 24, 3], tf.float32)
    outputs = function.get_concrete_function(spec).structured_outputs
    assert outputs["semantic"].shape.as_list() == [None, 20, 30, 3]
    assert outputs["labels"].shape.as_list() == [None, 16, 24]


@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        ((10, 20), {"min_size": 5}, (5, 10)),
        ((20, 10), {"min_size": 5}, (10, 5)),
        ((10, 20), {"min_size": 5, "max_size": 8}, (4, 8)),
        ((10, 20), {"min_size": 30, "max_size": 60}, (30, 60)),
        # 37 * (24 / 37) falls short of 24 in float32.
        ((37, 53), {"min_size": 24, "max_size": 40}, (23, 34)),
        ((10, 20), {"min_size": 5, "factor": 4}, (5, 13)),
        # The limit is 5 here, the multiple plus one that 8 does not pass.
        ((10, 20), {"min_size": 5, "max_size": 8, "factor": 4}, (5, 5)),
        ((10, 20), {"min_size": 5, "keep_aspect_ratio": False}, (10, 10)),
    ],
)
def test_resize_to_range_size(size, options, expected):
    assert resize_to_range_size(*size, **options) == expected
    tensors = resize_to_range_size(tf.constant(size[0]), size[1], **options)
    assert tuple(int(side) for side in tensors) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"min_size": 24},
        {"min_size": 24, "max_size": 40},
        {"min_size": 24, "max_size": 40, "factor": 16},
        {"min_size": 24, "max_size": 40, "factor": 8, "keep_aspect_ratio": False},
    ],
    ids=str,
)
def test_images_are_resized_as_by_the_data_pipeline(options):
    for height, width in np.random.default_rng(5).integers(1, 90, [15, 2]).tolist():
        image = random_image(height, width, 3)
        labels = np.zeros([height, width], np.int32)
        example = augment.resize_to_range({"image": image, "labels": labels}, **options)
        assert resize_to_range_size(height, width, **options) == tuple(
            example["image"].shape[:2]
        )


def test_a_limit_without_a_size_is_an_error():
    with pytest.raises(ValueError, match="max_resize_value=8 needs min_resize_value"):
        identity(crop_size=(9, 9), max_resize_value=8)


@pytest.mark.reference
@pytest.mark.parametrize("number", range(4))
def test_resizing_equals_the_original(reference, number):
    folder = reference / "reference" / "official"
    recorded = np.load(folder / "functions.npz")
    key = f"preprocess/resize_to_range_{number}/image"
    options = json.loads((folder / "functions.json").read_text())[key]["options"]
    predict = identity(
        crop_size=(1, 1),
        pad_to_crop=False,
        min_resize_value=options["min_size"],
        max_resize_value=options["max_size"],
        resize_factor=options["factor"],
        keep_aspect_ratio=options["keep_aspect_ratio"],
    )
    outputs = predict(recorded["preprocess/image"])
    # float32 at 255 has steps of 1.5e-5.
    np.testing.assert_allclose(outputs["semantic"], recorded[key], atol=1e-4)
    assert outputs["labels"].shape == recorded["preprocess/image"].shape[:2]


@pytest.mark.reference
@pytest.mark.parametrize("case", ["eval_pad", "eval_resize_pad"])
def test_padding_equals_the_original(reference, case):
    folder = reference / "reference" / "official"
    recorded = np.load(folder / "functions.npz")
    key = f"preprocess/{case}/image"
    options = json.loads((folder / "functions.json").read_text())[key]["options"]
    names = ("min_resize_value", "max_resize_value", "resize_factor")
    padding_pixel = recorded[key][-1, -1]
    predict = identity(
        crop_size=(options["crop_height"], options["crop_width"]),
        padding_pixel=padding_pixel,
        **{name: options.get(name) for name in names},
    )
    outputs = predict(recorded["preprocess/image"])
    np.testing.assert_allclose(outputs["semantic"], recorded[key], atol=1e-4)
