# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.photos import read_photo
from deeplab_tf.inference.sliding_window import sliding_window
from deeplab_tf.inference.tflite_predictor import input_size, tflite_predictor

PASCAL = "deeplabv3_mnv2_dm05_pascal"
ADE20K = "deeplabv3_mnv2_ade20k_int8"


def write(path, function, *, size=(4, 6), dtype=tf.uint8):
    """Writes a function of one image [1, H, W, 3] as a TFLite file."""
    spec = tf.TensorSpec([1, *size, 3], dtype)
    concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    path.write_bytes(converter.convert())
    return path


def brightest(pixels):
    return tf.argmax(tf.cast(pixels, tf.float32), axis=-1, output_type=tf.int32)


def stripes(height, width):
    """Returns an image of class 1 on the left and 2 on the right, and its labels."""
    labels = np.ones([height, width], np.int32)
    labels[:, width // 2 :] = 2
    return 200 * np.eye(3, dtype=np.uint8)[labels], labels


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("tflite") / "a.tflite", brightest)


def test_a_file_says_its_size(path):
    assert input_size(path) == (4, 6)


@pytest.mark.parametrize("size", [(4, 6), (2, 4), (4, 2), (3, 6)])
def test_images_that_fit_keep_their_size(path, size):
    image, labels = stripes(*size)
    np.testing.assert_array_equal(tflite_predictor(path)(image)["labels"], labels)


@pytest.mark.parametrize("size", [(8, 12), (8, 4), (40, 60), (2, 24)])
def test_larger_images_are_made_smaller_and_their_labels_larger(path, size):
    image, labels = stripes(*size)
    found = tflite_predictor(path)(image)["labels"]
    np.testing.assert_array_equal(found, labels)


def test_a_side_is_never_made_smaller_than_a_pixel(path):
    assert tflite_predictor(path)(stripes(410, 8)[0])["labels"].shape == (410, 8)


def test_smaller_images_are_padded_with_the_given_colour(tmp_path):
    def mean(pixels):
        brightness = tf.reduce_mean(tf.cast(pixels, tf.float32), axis=[1, 2, 3])
        return tf.cast(tf.ones([1, 4, 6]) * brightness[:, None, None], tf.int32)

    file = write(tmp_path / "a.tflite", mean)
    image = np.full([2, 6, 3], 100, np.uint8)
    predict = tflite_predictor(file, padding_pixel=(20, 20, 20))
    np.testing.assert_array_equal(predict(image)["labels"], np.full([2, 6], 60))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(tf.uint8, 128), (tf.int8, 0), (tf.float32, 128 / 127.5 - 1)],
)
def test_pixels_reach_a_file_as_its_type_wants_them(tmp_path, dtype, expected):
    def is_expected(pixels):
        value = tf.cast(pixels, tf.float32)
        near = tf.cast(tf.abs(value - expected) < 1e-6, tf.int32)
        return tf.reduce_min(near, axis=-1)

    file = write(tmp_path / "a.tflite", is_expected, dtype=dtype)
    image = np.full([4, 6, 3], 128, np.uint8)
    assert np.asarray(tflite_predictor(file)(image)["labels"]).min() == 1


def test_scores_are_enlarged_before_the_largest_is_taken(tmp_path):
    # Scores of 2 columns: class 1 is 0, 4, class 0 is 1, 1. With aligned corners over
    # 6 columns class 1 is 0, 0.8, 1.6 ...
    scores = tf.constant([[[[1.0, 0.0], [1.0, 4.0]]] * 2])

    def constant(pixels):
        return scores + 0.0 * tf.cast(pixels[:, :2, :2, :2], tf.float32)

    file = write(tmp_path / "a.tflite", constant)
    found = tflite_predictor(file)(np.zeros([4, 6, 3], np.uint8))["labels"]
    np.testing.assert_array_equal(found, [[0, 0, 1, 1, 1, 1]] * 4)


def test_tiles_of_the_file_keep_fine_detail(path):
    image, labels = stripes(9, 31)
    image[:, 3], labels[:, 3] = (200, 0, 0), 0
    tiles = sliding_window(
        tflite_predictor(path),
        tile_size=(4, 6),
        overlap=2,
        grid=1,
        blend=False,
        padding_pixel=(127.5,) * 3,
    )
    np.testing.assert_array_equal(tiles(image)["labels"], labels)
    assert not np.array_equal(tflite_predictor(path)(image)["labels"], labels)


@pytest.mark.parametrize(
    "content", [b"", b"no file of this kind", b"abcdTFL3" + b"x" * 40]
)
def test_what_is_no_tflite_file_is_named(tmp_path, content):
    (tmp_path / "a.tflite").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"a\.tflite (is no|cannot be run as a) TFLite"
    ):
        tflite_predictor(tmp_path / "a.tflite")


def test_a_file_of_something_else_is_refused(tmp_path):
    spec = tf.TensorSpec([1, 5], tf.float32)
    concrete = tf.function(lambda x: x + 1.0, input_signature=[spec])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [concrete.get_concrete_function()]
    )
    (tmp_path / "a.tflite").write_bytes(converter.convert())
    with pytest.raises(ValueError, match="expected to take one image"):
        tflite_predictor(tmp_path / "a.tflite")


@pytest.mark.reference
@pytest.mark.parametrize(
    ("network", "file", "image"),
    [
        (PASCAL, f"{PASCAL}_quant.tflite", "bird.png"),
        (PASCAL, f"{PASCAL}_quant.tflite", "voc_23.png"),
        (ADE20K, f"{ADE20K}.tflite", "ade_tiny_02.jpg"),
        (ADE20K, f"{ADE20K}.tflite", "ade_val_01.png"),
    ],
)
def test_published_files_give_the_recorded_labels(reference, network, file, image):
    folder = reference / "reference" / "trained"
    predict = tflite_predictor(folder / file)
    labels = predict(read_photo(folder / "images" / image))["labels"]
    stem = image.partition(".")[0]
    recorded = Image.open(folder / "labels" / network / f"{stem}.xnnpack.png")
    # The same file in the same interpreter: only its kernels may differ by machine.
    assert (labels == np.asarray(recorded)).mean() > 0.99
