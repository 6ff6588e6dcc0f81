# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.pipeline."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config.data import DataConfig
from deeplab_tf.data import pipeline, sources

PIXEL = (127.5, 127.5, 127.5)
SMALL = DataConfig(dataset="shapes", crop_size=(33, 25))


def source_of(num_examples=5, size=32):
    return sources.synthetic_source("train", num_examples=num_examples, image_size=size)


def batches(source, *, count, config=SMALL, **options):
    options = {
        "batch_size": 3,
        "padding_pixel": PIXEL,
        "ignore_label": 255,
        "seed": 7,
        **options,
    }
    dataset = pipeline.train_dataset(source, config, **options)
    return list(dataset.take(count).as_numpy_iterator())


def assert_equal(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert set(one) == set(other)
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_batches_have_the_shapes_and_types_of_training():
    dataset = pipeline.train_dataset(
        source_of(),
        SMALL,
        batch_size=2,
        padding_pixel=PIXEL,
        ignore_label=255,
        seed=0,
    )
    assert dataset.element_spec == {
        "image": tf.TensorSpec([2, 33, 25, 3], tf.float32),
        "labels": tf.TensorSpec([2, 33, 25], tf.int32),
        "image_name": tf.TensorSpec([2], tf.string),
    }


def test_every_epoch_holds_each_example_once_in_another_order():
    names = np.concatenate([b["image_name"] for b in batches(source_of(6), count=6)])
    epochs = names.reshape(3, 6)
    assert all(len(set(epoch)) == 6 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_batches_run_over_the_end_of_an_epoch():
    names = np.concatenate([b["image_name"] for b in batches(source_of(4), count=4)])
    assert len(set(names[:4])) == len(set(names[4:8])) == 4


def test_batch_larger_than_the_data_set():
    batch = batches(source_of(2), count=1, batch_size=5)[0]
    assert batch["image"].shape == (5, 33, 25, 3)


def test_same_seed_gives_the_same_batches_and_another_seed_others():
    first = batches(source_of(), count=4)
    assert_equal(first, batches(source_of(), count=4))
    other = batches(source_of(), count=4, seed=8)
    assert any(
        (one["image_name"] != two["image_name"]).any()
        for one, two in zip(first, other, strict=True)
    )


def test_global_seed_does_not_matter():
    first = batches(source_of(), count=2)
    tf.random.set_seed(99)
    assert_equal(first, batches(source_of(), count=2))


@pytest.mark.parametrize("start_step", [1, 2, 5, 7])
def test_started_later_it_is_the_tail_of_an_uninterrupted_run(start_step):
    whole = batches(source_of(), count=9)
    tail = batches(source_of(), count=9 - start_step, start_step=start_step)
    assert_equal(whole[start_step:], tail)


def test_starting_late_reads_no_example_that_is_left_out():
    read = []

    def note(index):
        read.append(int(index))
        return np.int64(index)

    def recording_read(index):
        index = tf.ensure_shape(tf.numpy_function(note, [index], tf.int64), [])
        return drawn.read(index)

    drawn = source_of(100)
    source = dataclasses.replace(drawn, read=recording_read)
    order = list(pipeline._order(100, seed=7, start=0).take(70).as_numpy_iterator())
    batches(source, count=1, start_step=20)
    assert not {index for _, index in order[:60]} & set(read)


def test_an_example_is_augmented_differently_in_each_epoch():
    images = [b["image"][0] for b in batches(source_of(1), count=6, batch_size=1)]
    assert len({image.tobytes() for image in images}) > 3


def test_order_is_that_of_the_same_epoch_wherever_one_starts():
    whole = list(pipeline._order(4, seed=1, start=0).take(12).as_numpy_iterator())
    later = list(pipeline._order(4, seed=1, start=6).take(6).as_numpy_iterator())
    assert whole[6:] == later
    assert [epoch for epoch, _ in whole] == [0] * 4 + [1] * 4 + [2] * 4


def test_large_seeds_are_seeds_of_their_own():
    assert (pipeline._fold(1).numpy() != pipeline._fold(2**31 + 1).numpy()).any()


def test_padding_shows_the_pixel_and_the_ignore_label():
    config = dataclasses.replace(SMALL, min_scale_factor=0.5, max_scale_factor=0.5)
    config = dataclasses.replace(config, flip_probability=0.0)
    batch = batches(source_of(), count=1, config=config, ignore_label=200)[0]
    assert (batch["labels"][:, 16:] == 200).all()
    assert (batch["image"][:, 16:] == 127.5).all()
    assert (batch["labels"][:, :16, :16] != 200).all()


def test_eval_dataset_keeps_order_size_and_type():
    source = source_of(4)
    examples = list(pipeline.eval_dataset(source, SMALL).as_numpy_iterator())
    names = [example["image_name"].decode() for example in examples]
    assert names == [f"train_{number:06d}" for number in range(4)]
    assert examples[0]["image"].shape == (32, 32, 3)
    assert examples[0]["image"].dtype == np.uint8
    assert examples[0]["labels"].dtype == np.int32


def test_eval_dataset_resizes_to_the_range():
    config = dataclasses.replace(
        SMALL, min_resize_value=50, max_resize_value=65, resize_factor=16
    )
    example = next(pipeline.eval_dataset(source_of(), config).as_numpy_iterator())
    assert example["image"].shape == (65, 65, 3)
    assert example["image"].dtype == np.float32
    assert example["labels"].shape == (65, 65)


def test_source_without_labels_cannot_train():
    source = dataclasses.replace(source_of(), has_labels=False)
    with pytest.raises(ValueError, match="needs labels"):
        batches(source, count=1)


def test_replicas_get_equal_parts_of_each_batch():
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    dataset = pipeline.train_dataset(
        source_of(),
        SMALL,
        batch_size=3,
        padding_pixel=PIXEL,
        ignore_label=255,
        seed=7,
    )
    distributed = strategy.experimental_distribute_dataset(dataset)
    first = [batch for batch, _ in zip(distributed, range(2), strict=False)]
    expected = batches(source_of(), count=2)
    for batch, other in zip(first, expected, strict=True):
        np.testing.assert_array_equal(batch["image"].numpy(), other["image"])


@pytest.mark.reference
@pytest.mark.parametrize(("name", "flip"), [("train_noflip", 0.0), ("train_flip", 1.0)])
def test_training_preprocessing_equals_the_original(reference, name, flip):
    folder = reference / "reference" / "official"
    arrays = np.load(folder / "functions.npz")
    facts = json.loads((folder / "functions.json").read_text())
    options = facts[f"preprocess/{name}/image"]["options"]
    config = DataConfig(
        crop_size=(options["crop_height"], options["crop_width"]),
        min_scale_factor=options["min_scale_factor"],
        max_scale_factor=options["max_scale_factor"],
        scale_factor_step_size=options["scale_factor_step_size"],
        flip_probability=flip,
    )
    example = {
        "image": tf.constant(arrays["preprocess/image"]),
        "labels": tf.constant(arrays["preprocess/label"][:, :, 0], tf.int32),
        "image_name": tf.constant("a"),
    }
    result = pipeline.augment_example(
        example,
        tf.constant([1, 2]),
        config=config,
        padding_pixel=PIXEL,
        ignore_label=255,
    )
    expected = arrays[f"preprocess/{name}/image"]
    np.testing.assert_allclose(result["image"], expected, atol=255e-6)
    labels = arrays[f"preprocess/{name}/label"][:, :, 0]
    np.testing.assert_array_equal(result["labels"], labels)


def test_order_of_names_is_independent_of_the_number_of_batches_taken():
    few, many = batches(source_of(), count=2), batches(source_of(), count=6)
    for one, other in itertools.zip_longest(few, many[:2]):
        np.testing.assert_array_equal(one["image_name"], other["image_name"])
