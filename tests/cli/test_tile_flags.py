# Licensed under the Apache License, Version 2.0.
import dataclasses
import logging

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.cli import tile_flags
from deeplab_tf.cli.any_network import AnyNetwork
from deeplab_tf.inference.build_predictor import ImageSize
from deeplab_tf.inference.predictor import host_predictor
from tests.cli.command import parsed_flags


class Recorder:
    """A predictor of the brightest channel, which keeps the sizes of its images."""

    def __init__(self):
        self.sizes = []
        self.predict = host_predictor(
            self._run, dtypes={"labels": tf.int32, "probabilities": tf.float32}
        )

    def _run(self, images):
        self.sizes.append(images.shape[1:3])
        images = np.asarray(images, np.float32)
        labels = images.argmax(axis=-1).astype(np.int32)
        return {"labels": labels, "probabilities": images / 255}


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def network(recorder):
    return AnyNetwork(
        text="",
        dataset=None,
        whole=recorder.predict,
        open_tiles=lambda: recorder.predict,
        blend=True,
        crop_size=(65, 97),
        padding_pixel=(127.5,) * 3,
        output_stride=16,
        image_size=ImageSize(),
    )


def run(network, size, *arguments, **options):
    """Predicts a random image and checks its labels."""
    image = np.random.default_rng(0).integers(0, 256, [*size, 3]).astype(np.uint8)
    with parsed_flags("predict", *arguments):
        labels = tile_flags.image_function(network, **options)(image)
    assert labels.shape == size
    if network.image_size == ImageSize():
        np.testing.assert_array_equal(labels, image.argmax(axis=-1))


def test_images_run_whole_up_to_a_limit(network, recorder):
    run(network, (90, 100), "--max_pixels=9000")
    assert recorder.sizes == [(90, 100)]


def test_beyond_it_they_run_in_tiles_of_the_crop(network, recorder):
    run(network, (90, 101), "--max_pixels=9000")
    # The step of a quarter's overlap is 48 of 65 rows and 64 of 97 columns.
    assert recorder.sizes == [(65, 97)] * 4


def test_given_tiles_cut_every_larger_image(network, recorder):
    seen = []
    run(
        network,
        (65, 129),
        "--tile_size=65",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert recorder.sizes == [(65, 65)] * 3
    assert seen == [(1, 3), (2, 3), (3, 3)]
    recorder.sizes.clear()
    run(network, (60, 65), "--tile_size=65,129")
    assert recorder.sizes == [(60, 65)]


@pytest.mark.parametrize("text", ["0", "0,0"])
def test_no_tiles_may_be_asked_for(network, recorder, text):
    run(network, (90, 101), "--max_pixels=9000", f"--tile_size={text}")
    assert recorder.sizes == [(90, 101)]


def test_tiles_are_brought_to_the_grid_and_said_so(network, recorder, caplog):
    with caplog.at_level(logging.INFO):
        run(network, (100, 200), "--tile_size=64,128", "--tile_overlap=0")
    assert set(recorder.sizes) == {(65, 129)}
    assert "65 x 129 pixels in place of 64 x 128" in caplog.text


def test_overlap_is_a_fraction_or_pixels(network, recorder):
    run(network, (65, 193), "--tile_size=65,97", "--tile_overlap=16")
    assert len(recorder.sizes) == 3
    recorder.sizes.clear()
    run(network, (65, 193), "--tile_size=65,97", "--tile_overlap=0.7")
    assert len(recorder.sizes) == 7


def test_resized_images_are_cut_after_that(network, recorder):
    small = dataclasses.replace(network, image_size=ImageSize(min_resize_value=65))
    run(small, (130, 200), "--max_pixels=9000")
    assert recorder.sizes == [(65, 100)]
    recorder.sizes.clear()
    run(small, (130, 400), "--max_pixels=9000", "--tile_overlap=0")
    assert recorder.sizes == [(65, 97)] * 3


def test_a_file_of_one_size_is_cut_only_if_asked(network, recorder):
    fixed = dataclasses.replace(
        network, fixed_size=(60, 90), crop_size=(60, 90), output_stride=None
    )
    run(fixed, (200, 300), "--max_pixels=9000")
    assert recorder.sizes == [(200, 300)]
    recorder.sizes.clear()
    run(fixed, (60, 150), "--tile_size=60,90", "--tile_overlap=0")
    assert recorder.sizes == [(60, 90)] * 2


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        (["--tile_size=a"], {}, "must be a height and a width.* got 'a'"),
        (["--tile_size=65,65,65"], {}, "got '65,65,65'"),
        (["--tile_size=-5"], {}, "got '-5'"),
        (["--tile_overlap=1.5"], {}, "--tile_overlap must be a fraction"),
        (["--tile_overlap=-1"], {}, "--tile_overlap must be a fraction"),
        (["--tile_size=65", "--tile_overlap=65"], {}, "leave a step of 0"),
        (["--tile_size=65"], {"resizes": True}, "resizes every image"),
        (["--tile_size=97"], {"fixed_size": (65, 97)}, "larger than the images"),
    ],
)
def test_impossible_tiles_are_refused(network, arguments, changes, message):
    changed = dataclasses.replace(network, **changes)
    with pytest.raises(ValueError, match=message):
        run(changed, (200, 200), *arguments)
