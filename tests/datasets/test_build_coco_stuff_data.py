# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from deeplab_tf.data import dataset_json

from . import scripts, small_releases


@pytest.mark.parametrize(
    ("write", "dataset", "split"),
    [
        (small_releases.write_coco_stuff_164k, "coco_stuff_164k", "val"),
        (small_releases.write_coco_stuff_10k, "coco_stuff_10k", "test"),
    ],
)
def test_both_releases_have_the_same_ids(tmp_path, write, dataset, split):
    write(tmp_path)
    result = scripts.run_here(
        "build_coco_stuff_data", f"--data_root={tmp_path}", "--num_shards=1"
    )
    assert result.code == 0, result.err
    info = dataset_json.load_dataset_info(tmp_path / "tfrecord")
    assert (info.name, dict(info.splits)) == (dataset, {"train": 1, split: 1})
    (example,) = scripts.read_split(tmp_path / "tfrecord", split).values()
    np.testing.assert_array_equal(example["labels"], small_releases.COCO_LABELS)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    small_releases.write_coco_stuff_164k(tmp_path)
    (tmp_path / "annotations/val2017").rename(tmp_path / "annotations/val")
    script = scripts.load("build_coco_stuff_data")
    with pytest.raises(FileNotFoundError, match=r"val2017 is no folder: expected PNGs"):
        script.list_splits(tmp_path)
