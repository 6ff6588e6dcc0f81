# Licensed under the Apache License, Version 2.0.
import dataclasses
import tracemalloc

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.cli.model_options import build_config
from deeplab_tf.inference.fit_to_crop import fit_to_crop
from deeplab_tf.inference.multi_scale import multi_scale
from deeplab_tf.inference.predictor import Predictor, predictor
from deeplab_tf.inference.sliding_window import plan_tiles, sliding_window
from deeplab_tf.models import build_model
from deeplab_tf.structures import Outputs
from tests import contracts
from tests.inference.toy_networks import pointwise_network

PIXEL = (127.5, 127.5, 127.5)
# Three 3x3 convolutions of stride 2 reach over 1 + 2 + 4 pixels, and a pixel between
# their outputs, which are 8 apart, takes those of up to 7 pixels further.
REACH = 14


def local_network():
    """A network of stride 8 whose outputs look no further than REACH pixels."""
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 3))
    x = image / 127.5 - 1.0
    for filters in (6, 8, 12):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same")(x)
        x = keras.ops.tanh(2.0 * x)
    logits = keras.layers.Conv2D(4, 1, kernel_initializer="glorot_normal")(x)
    return keras.Model(image, {"semantic": 3.0 * logits})


@pytest.fixture(scope="module")
def local_predictor():
    return predictor(local_network())


def random_image(*shape):
    return np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)


def windows(predict, **options):
    return sliding_window(predict, **{"padding_pixel": PIXEL, "grid": 8, **options})


def distance_to_borders(size, tiling):
    """Returns for each pixel how far the next border of a tile inside is."""
    ends = [start + tiling.tile - 1 for start in tiling.starts[:-1]]
    borders = np.array([*tiling.starts[1:], *ends])
    return np.abs(np.arange(size)[:, None] - borders).min(axis=1)


def test_tiles_begin_on_the_grid_and_end_with_the_image():
    tiling = plan_tiles(49, tile=17, overlap=5, grid=4)
    assert tiling.starts == (0, 12, 24, 32)
    assert tiling.next_starts == (12, 24, 32, 49)
    # The overlaps are 12..16, 24..28 and 32..40.
    assert tiling.cuts == (0, 14, 26, 36, 49)


def test_an_image_off_the_grid_is_filled_up_by_less_than_a_step_of_it():
    tiling = plan_tiles(46, tile=17, overlap=5, grid=4)
    assert tiling.starts[-1] + tiling.tile == 49
    assert tiling.size == 46


def test_a_side_that_a_tile_covers_is_not_cut():
    for size in (3, 17):
        tiling = plan_tiles(size, tile=17, overlap=5, grid=4)
        assert (tiling.starts, tiling.tile) == ((0,), size)
        np.testing.assert_array_equal(tiling.weights, np.ones([1, size]))


def test_weights_fall_smoothly_and_are_zero_at_the_outer_quarter():
    tiling = plan_tiles(24, tile=16, overlap=8, grid=8)
    assert tiling.starts == (0, 8)
    first, second = tiling.weights
    # sin(pi / 2 * (k + 1/2) / 4) ** 2 of k = 0..3.
    ramp = [0.038060, 0.308658, 0.691342, 0.961940]
    np.testing.assert_allclose(second, [0, 0, *ramp, 1, 1, *[1] * 8], atol=1e-6)
    np.testing.assert_allclose(first, second[::-1], atol=1e-6)


@pytest.mark.parametrize("overlap", [0, 1, 2, 5, 12, 33, 56])
@pytest.mark.parametrize("size", [66, 97, 128, 200, 513])
def test_weights_add_up_to_one_for_any_overlap(size, overlap):
    tiling = plan_tiles(size, tile=65, overlap=overlap, grid=8)
    total = np.zeros(tiling.next_starts[-1])
    for start, weights in zip(tiling.starts, tiling.weights, strict=True):
        total[start : start + 65] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert np.all(np.diff(tiling.starts) <= 65 - overlap)
    assert not np.any(np.array(tiling.starts) % 8)


@pytest.mark.parametrize("size", [(273, 201), (129, 337), (97, 393)])
def test_tiles_equal_the_whole_image_if_overlaps_hide_the_borders(
    local_predictor, size
):
    image = random_image(*size, 3)
    # Overlaps of 65 pixels have a margin of 16.
    predict = windows(
        local_predictor, tile_size=(129, 129), overlap=64, with_probabilities=True
    )
    found, whole = predict(image), local_predictor(image)
    assert REACH <= 16
    np.testing.assert_allclose(
        found["probabilities"], whole["probabilities"], atol=1e-6
    )
    np.testing.assert_array_equal(found["labels"], whole["labels"])


def test_tiles_equal_the_whole_image_away_from_their_borders(local_predictor):
    image = random_image(201, 273, 3)
    predict = windows(
        local_predictor, tile_size=(65, 129), overlap=(8, 16), with_probabilities=True
    )
    found = np.asarray(predict(image)["probabilities"])
    whole = np.asarray(local_predictor(image)["probabilities"])
    rows = distance_to_borders(201, plan_tiles(201, tile=65, overlap=8, grid=8))
    columns = distance_to_borders(273, plan_tiles(273, tile=129, overlap=16, grid=8))
    inside = (rows > REACH)[:, None] & (columns > REACH)
    assert 0.1 < inside.mean() < 0.9
    np.testing.assert_allclose(found[inside], whole[inside], atol=1e-6)
    # There are differences: the borders are no wish.
    assert np.abs(found - whole).max() > 1e-3


# MobileNetV2 at output stride 16 reaches over 245 pixels: 37 by convolutions on strides
# 1 to 8, 208 on 16. Resizing to stride 4 adds 16, the decoder 8, the last resizing 4.
MOBILENET_REACH = 273


@pytest.mark.slow
def test_tiles_of_a_real_network_equal_the_whole_image_away_from_their_borders():
    options = {"num_classes": 5, "depth_multiplier": 0.35, "aspp_convs_filters": 16}
    options |= {"decoder_output_stride": (4,), "decoder_filters": 16}
    network = build_model(build_config(options | {"add_image_level_feature": False}))
    contracts.draw_weights(network)
    whole = multi_scale(predictor(network), scales=[1.0], flip=True)
    image = random_image(65, 1217, 3)
    size = {"tile_size": (65, 641), "overlap": (0, 64)}
    tiles = windows(whole, **size, grid=16, with_probabilities=True)
    found = np.asarray(tiles(image)["probabilities"])
    wanted = np.asarray(whole(image)["probabilities"])
    tiling = plan_tiles(1217, tile=641, overlap=64, grid=16)
    inside = distance_to_borders(1217, tiling) > MOBILENET_REACH
    assert 0.4 < inside.mean() < 0.6
    np.testing.assert_allclose(found[:, inside], wanted[:, inside], atol=1e-6)
    assert np.abs(found - wanted).max() > 1e-2


@pytest.mark.parametrize(
    ("scale", "grid", "tile", "is_equal"),
    [(0.5, 16, 193, True), (0.75, 32, 193, True), (0.5, 8, 185, False)],
)
def test_scaled_tiles_equal_the_whole_image_on_the_grid_of_their_scale(
    local_predictor, scale, grid, tile, is_equal
):
    image = random_image(33, 385, 3)
    whole = multi_scale(local_predictor, scales=[scale, 1.0])
    size = {"tile_size": (33, tile), "overlap": (0, 16)}
    tiles = windows(whole, **size, grid=grid, with_probabilities=True)
    found = np.asarray(tiles(image)["probabilities"])
    wanted = np.asarray(whole(image)["probabilities"])
    tiling = plan_tiles(385, tile=tile, overlap=16, grid=grid)
    inside = distance_to_borders(385, tiling) > REACH / scale + 2
    assert inside.mean() > 0.2
    difference = np.abs(found - wanted)[:, inside].max()
    # At scale 0.75 resized pixels differ in their last bits.
    assert difference < 1e-4 if is_equal else difference > 1e-2


def test_an_image_off_the_grid_equals_itself_filled_up(local_predictor):
    image = random_image(126, 189, 3)
    filled = np.full([129, 193, 3], 127.5, np.float32)
    filled[:126, :189] = image
    predict = windows(local_predictor, tile_size=(129, 129), overlap=64)
    expected = local_predictor(filled)["labels"][:126, :189]
    # Rows end before the only tile does, and are not filled up.
    np.testing.assert_array_equal(
        predict(image)["labels"],
        local_predictor(filled[:126])["labels"][:, :189],
    )
    tall = windows(local_predictor, tile_size=(121, 129), overlap=56)
    np.testing.assert_array_equal(tall(image)["labels"], expected)


def test_a_large_image_is_never_held_as_probabilities(local_predictor):
    image = np.zeros([2000, 600, 3], np.uint8)
    image[::7] = 200
    predict = windows(local_predictor, tile_size=(129, 129), overlap=32)
    predict(image[:150])
    tracemalloc.start()
    labels = predict(image)["labels"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert labels.nbytes == 2000 * 600 * 4
    all_probabilities = 4 * labels.nbytes
    # Labels, one overlap over the width and a few tiles.
    assert peak < labels.nbytes + all_probabilities / 5


def test_labels_alone_are_cut_in_the_middle_of_overlaps():
    def count_tiles(images):
        number = tf.reduce_max(tf.cast(images, tf.int32), axis=[1, 2, 3])
        return Outputs(labels=tf.ones_like(images[..., 0], tf.int32) * number)

    # Each tile takes the value of the only bright pixel in it.
    image = np.zeros([9, 28, 3], np.uint8)
    image[0, 2], image[0, 14], image[0, 26] = 1, 2, 3
    predict = windows(
        Predictor(function=count_tiles),
        tile_size=(9, 12),
        overlap=(0, 4),
        blend=False,
    )
    # Tiles 0..11, 8..19 and 16..27.
    np.testing.assert_array_equal(
        predict(image)["labels"][4], [*[1] * 10, *[2] * 8, *[3] * 10]
    )


def test_batches_graphs_and_other_predictors_take_it(local_predictor):
    images = random_image(2, 73, 89, 3)
    predict = windows(local_predictor, tile_size=(33, 33), overlap=16)
    labels = predict(images)["labels"]
    assert labels.shape == (2, 73, 89)
    np.testing.assert_array_equal(predict(images[1])["labels"], labels[1])
    resized = fit_to_crop(
        predict,
        crop_size=(1, 1),
        padding_pixel=PIXEL,
        pad_to_crop=False,
        min_resize_value=73,
    )
    np.testing.assert_array_equal(resized(images)["labels"], labels)
    selected = predict.select(["labels"])
    assert set(selected(images[0])) == {"labels"}


def test_progress_counts_tiles(local_predictor):
    seen = []
    predict = windows(
        local_predictor,
        tile_size=(33, 33),
        overlap=8,
        progress=lambda done, total: seen.append((done, total)),
    )
    predict(random_image(50, 73, 3))
    assert seen == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile_size": (65, 65), "overlap": 65}, "overlap by 65 leave a step of 0"),
        ({"tile_size": (65, 33), "overlap": 30}, "at least 8: take larger tiles"),
        ({"tile_size": (65, 65), "overlap": -1}, "overlaps not negative"),
        ({"tile_size": (0, 65), "overlap": 0}, "must be positive"),
        (
            {
                "tile_size": (65, 65),
                "overlap": 0,
                "blend": False,
                "with_probabilities": True,
            },
            "only where they are blended",
        ),
    ],
)
def test_impossible_tiles_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        windows(predictor(pointwise_network()), **options)


def test_blending_needs_probabilities(local_predictor):
    labels_alone = dataclasses.replace(
        local_predictor.select(["labels"]), logits_stride=None
    )
    predict = windows(labels_alone, tile_size=(33, 33), overlap=8)
    with pytest.raises(ValueError, match="no output probabilities: it has labels"):
        predict(random_image(40, 40, 3))
