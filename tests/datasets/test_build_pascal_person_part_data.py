# Licensed under the Apache License, Version 2.0.
import numpy as np

from deeplab_tf.data import dataset_json

from . import scripts, small_releases


def test_lists_of_ids_become_splits(tmp_path):
    voc = tmp_path / "VOC2010"
    small_releases.write_pascal_person_part(tmp_path / "parts", voc=voc)
    result = scripts.run_here(
        "build_pascal_person_part_data",
        f"--image_folder={voc}/JPEGImages",
        f"--label_folder={tmp_path}/parts/pascal_person_part_gt",
        f"--list_folder={tmp_path}/parts/pascal_person_part_trainval_list",
        f"--output_dir={tmp_path}/tfrecord",
    )
    assert result.code == 0, result.err
    found = scripts.read_split(tmp_path / "tfrecord", "val")
    labels = found["2008_000008"]["labels"]
    np.testing.assert_array_equal(labels, small_releases.PERSON_PARTS)
    info = dataset_json.load_dataset_info(tmp_path / "tfrecord")
    assert info.name == "pascal_person_part"
    assert dict(info.splits) == {"train": 1, "val": 1}
