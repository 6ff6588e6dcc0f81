# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.sources."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.config.data import DataConfig
from deeplab_tf.data import (
    label_files,
    pipeline,
    record_files,
    schema,
    shapes,
    sources,
)
from deeplab_tf.data.catalog import get_dataset_info
from deeplab_tf.data.catalog.shapes import SHAPES

from . import record_folder


def read_all(source):
    return list(pipeline.eval_dataset(source, DataConfig()).as_numpy_iterator())


def save_image(path, value, size=(6, 4)):
    Image.new("RGB", size, (value, value, value)).save(path)


def test_records_give_back_what_was_drawn(tmp_path):
    record_folder.write(tmp_path)
    source = sources.tfrecord_source(tmp_path, split="train")
    examples = read_all(source)
    assert source.num_examples == len(examples) == 5
    for index, example in enumerate(examples):
        image, labels = shapes.draw_example("train", index=index, image_size=24)
        np.testing.assert_array_equal(example["image"], image)
        np.testing.assert_array_equal(example["labels"], labels)
        assert example["image_name"].decode() == f"train_{index:06d}"


def test_missing_folder_split_and_shard_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        sources.tfrecord_source(tmp_path / "nowhere", split="train")
    record_folder.write(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"'test'.*train, val"):
        sources.tfrecord_source(tmp_path, split="test")
    (tmp_path / "train-00001-of-00002.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match="train-00001-of-00002"):
        sources.tfrecord_source(tmp_path, split="train")


def test_shards_of_two_builds_are_an_error(tmp_path):
    record_folder.write(tmp_path)
    (tmp_path / "train-00000-of-00003.tfrecord").write_bytes(b"")
    with pytest.raises(ValueError, match=r"2 and 3 shards.*delete"):
        sources.tfrecord_source(tmp_path, split="train")


@pytest.mark.parametrize("kept", [5, 100])
def test_truncated_file_is_named_when_it_is_opened(tmp_path, kept):
    record_folder.write(tmp_path)
    path = tmp_path / "train-00001-of-00002.tfrecord"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"train-00001-of-00002.*truncated"):
        sources.tfrecord_source(tmp_path, split="train")


def test_file_that_holds_no_record_is_named(tmp_path):
    path = tmp_path / "train-00000-of-00001.tfrecord"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="train-00000-of-00001"):
        sources.tfrecord_source(tmp_path, split="train")
    path.write_bytes(b"this is a text and no record file")
    with pytest.raises(ValueError, match=r"train-00000-of-00001.*no TFRecord"):
        sources.tfrecord_source(tmp_path, split="train")


def test_damaged_record_is_named_while_it_is_read(tmp_path):
    record_folder.write(tmp_path)
    path = tmp_path / "train-00001-of-00002.tfrecord"
    data = bytearray(path.read_bytes())
    data[200] ^= 255
    path.write_bytes(data)
    source = sources.tfrecord_source(tmp_path, split="train")
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        read_all(source)
    assert f"Damaged example: {path}, record at byte 0" in str(caught.value)


def write_one(folder, record):
    with tf.io.TFRecordWriter(str(folder / "val-00000-of-00001.tfrecord")) as writer:
        writer.write(record)
    return sources.tfrecord_source(folder, split="val")


def png(value, size=(6, 4)):
    return label_files.encode_labels(np.full(size[::-1], value, np.uint8))


@pytest.mark.parametrize(
    ("image", "labels"),
    [(b"no image", png(1)), (png(1), b"no labels"), (png(1), png(1, size=(6, 5)))],
    ids=["image", "labels", "sizes"],
)
def test_record_with_unfit_content_is_named(tmp_path, image, labels):
    record = schema.encode_example(
        "a", image=image, image_format="png", height=4, width=6, labels=labels
    )
    source = write_one(tmp_path, record)
    with pytest.raises(tf.errors.InvalidArgumentError, match="val-00000-of-00001"):
        read_all(source)


def test_record_that_is_no_example_is_named(tmp_path):
    source = write_one(tmp_path, b"\x07\x07\x07")
    with pytest.raises(tf.errors.InvalidArgumentError, match="val-00000-of-00001"):
        read_all(source)


def write_labels(folder, labels):
    record = schema.encode_example(
        "a", image=png(1), image_format="png", height=4, width=6, labels=labels
    )
    with tf.io.TFRecordWriter(str(folder / "val-00000-of-00001.tfrecord")) as writer:
        writer.write(record)


def test_label_that_is_no_class_is_named_with_its_file(tmp_path):
    write_labels(tmp_path, png(6))
    source = sources.tfrecord_source(tmp_path, split="val", info=SHAPES)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        read_all(source)
    assert "val-00000-of-00001.tfrecord, record at byte 0" in str(caught.value)
    assert "hold id 6, which is neither a class (0 to 5)" in str(caught.value)
    # Who knows nothing of the data set takes what there is.
    (example,) = read_all(sources.tfrecord_source(tmp_path, split="val"))
    assert example["labels"].max() == 6


def test_labels_with_a_palette_are_refused_not_turned_into_grey(tmp_path):
    picture = Image.new("P", (6, 4), 1)
    picture.putpalette([0, 0, 0, 128, 0, 0])
    path = tmp_path / "labels.png"
    picture.save(path)
    write_labels(tmp_path, path.read_bytes())
    source = sources.tfrecord_source(tmp_path, split="val")
    with pytest.raises(tf.errors.InvalidArgumentError, match="a palette"):
        read_all(source)


def test_records_that_dataset_json_counts_otherwise_are_refused(tmp_path):
    record_folder.write(tmp_path)
    first = min(tmp_path.glob("train-*"))
    # Cut off between two records: no record shows it.
    index = record_files.index_records([str(first)])
    first.write_bytes(first.read_bytes()[: int(index.offset_of[-1])])
    with pytest.raises(ValueError, match=r"4 examples of split 'train'.*counts 5"):
        sources.tfrecord_source(tmp_path, split="train")
    (tmp_path / "dataset.json").unlink()
    assert sources.tfrecord_source(tmp_path, split="train").num_examples == 4


def test_records_without_labels_give_images_alone(tmp_path):
    record = schema.encode_example(
        "a", image=png(1), image_format="png", height=4, width=6, labels=None
    )
    source = write_one(tmp_path, record)
    assert not source.has_labels
    assert set(read_all(source)[0]) == {"image", "image_name"}


def test_folder_reads_images_and_labels_by_name(tmp_path):
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.mkdir(), labels.mkdir()
    save_image(images / "b.png", 20)
    save_image(images / "a.jpg", 10)
    (images / "notes.txt").write_text("no image")
    for name, value in (("a", 1), ("b", 2)):
        (labels / f"{name}.png").write_bytes(png(value))
    source = sources.folder_source(images, label_folder=labels)
    examples = read_all(source)
    assert [example["image_name"] for example in examples] == [b"a", b"b"]
    assert [int(example["labels"][0, 0]) for example in examples] == [1, 2]
    assert examples[1]["image"].tolist() == np.full((4, 6, 3), 20).tolist()
    assert set(read_all(sources.folder_source(images, names=["b"]))[0]) == {
        "image",
        "image_name",
    }


def test_folder_names_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no \.jpg"):
        sources.folder_source(tmp_path)
    save_image(tmp_path / "a.png", 1)
    with pytest.raises(FileNotFoundError, match="no image b"):
        sources.folder_source(tmp_path, names=["b"])
    with pytest.raises(FileNotFoundError, match=r"a\.png is missing"):
        sources.folder_source(tmp_path, label_folder=tmp_path / "labels")


def test_damaged_image_in_a_folder_is_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"a\.jpg"):
        read_all(sources.folder_source(tmp_path))


def test_synthetic_source_draws_what_the_generator_draws():
    source = sources.synthetic_source("val", num_examples=2, seed=4, image_size=40)
    image, labels = shapes.draw_example("val", index=1, seed=4, image_size=40)
    for _ in range(2):  # The second time from memory.
        example = read_all(source)[1]
        np.testing.assert_array_equal(example["image"], image)
        np.testing.assert_array_equal(example["labels"], labels)


def test_synthetic_source_follows_the_catalogue():
    source = sources.synthetic_source("val")
    assert source.num_examples == get_dataset_info("shapes").splits["val"]
    with pytest.raises(ValueError, match=r"'test'.*train, val"):
        sources.synthetic_source("test")


def test_open_source_takes_records_or_draws(tmp_path):
    record_folder.write(tmp_path)
    info = get_dataset_info("shapes")
    assert sources.open_source(tmp_path, split="val", info=info).num_examples == 2
    assert sources.open_source(None, split="val", info=info).num_examples == 200
    with pytest.raises(ValueError, match=r"'camvid'.*TFRecords"):
        sources.open_source("", split="val", info=get_dataset_info("camvid"))


@pytest.mark.slow
def test_tfds_source_reads_a_prepared_data_set(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")

    class TinyMasks(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")
        url_infos = None  # Nothing is downloaded.

        def _info(self):
            features = tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "segmentation_mask": tfds.features.Image(shape=(None, None, 1)),
                }
            )
            return self.dataset_info_from_configs(features=features)

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for index in range(3):
                yield (
                    index,
                    {
                        "image": np.full((4, 6, 3), index * 10, np.uint8),
                        "segmentation_mask": np.full((4, 6, 1), index, np.uint8),
                    },
                )

    TinyMasks(data_dir=str(tmp_path)).download_and_prepare()
    source = sources.tfds_source(
        "tiny_masks", split="train", label_offset=-1, data_dir=str(tmp_path)
    )
    examples = read_all(source)
    found = sorted((int(e["image"][0, 0, 0]), int(e["labels"][0, 0])) for e in examples)
    assert found == [(0, 255), (10, 0), (20, 1)]
    with pytest.raises(ValueError, match="no split 'val'"):
        sources.tfds_source("tiny_masks", split="val", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match="no feature 'mask'"):
        sources.tfds_source(
            "tiny_masks", split="train", labels_key="mask", data_dir=str(tmp_path)
        )


def test_tensorflow_datasets_is_imported_only_when_it_is_used():
    text = pathlib.Path(sources.__file__).read_text()
    assert "\nimport tensorflow_datasets" not in text
