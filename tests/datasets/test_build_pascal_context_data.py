# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from deeplab_tf.data.catalog.pascal_context import PASCAL_CONTEXT

from . import scripts, small_releases


def test_numbers_become_the_59_classes_and_background(tmp_path):
    voc = tmp_path / "VOC2010"
    small_releases.write_pascal_context(tmp_path, voc=voc)
    result = scripts.run_here(
        "build_pascal_context_data",
        f"--image_folder={voc}/JPEGImages",
        f"--list_folder={voc}/ImageSets/Main",
        f"--label_folder={tmp_path}/trainval",
        f"--names_file={tmp_path}/labels.txt",
        f"--output_dir={tmp_path}/tfrecord",
    )
    assert result.code == 0, result.err
    example = scripts.read_split(tmp_path / "tfrecord", "val")["2008_000003"]
    names = np.array(PASCAL_CONTEXT.classes)[example["labels"]]
    assert names.tolist() == [["background", "wood"], ["sky", "dog"]]
    assert set(scripts.read_split(tmp_path / "tfrecord", "train")) == {"2008_000002"}


def test_another_list_of_names_is_an_error(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("1: aeroplane\n2: bicycle\n")
    script = scripts.load("build_pascal_context_data")
    with pytest.raises(ValueError, match=r"does not name bird, boat.*labels\.txt"):
        script.read_mapping(path)
