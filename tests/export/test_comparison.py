# Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest

from deeplab_tf.export import comparison


def test_probe_images_are_the_same_each_time_and_not_flat():
    first, second = comparison.probe_images((2, 33, 65), (1, 17, 17))
    assert first.shape == (2, 33, 65, 3)
    assert second.shape == (1, 17, 17, 3)
    assert first.dtype == np.uint8
    assert first.std() > 20
    again, _ = comparison.probe_images((2, 33, 65), (1, 17, 17))
    assert np.array_equal(first, again)


def test_compare_counts_equal_pixels_and_stores_the_result(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"12345")
    images = [np.zeros([2, 4, 5, 3], np.uint8), np.zeros([1, 2, 2, 3], np.uint8)]

    def model(batch):
        return np.zeros(batch.shape[:3], np.int32)

    def exported(batch):
        labels = model(batch)
        labels[0, 0, 0] = 1
        return labels

    result = comparison.compare(path, "tflite", images, exported=exported, model=model)
    assert (result.images, result.pixels, result.equal_pixels) == (3, 44, 42)
    assert result.agreement == pytest.approx(42 / 44)
    assert result.size_bytes == 5
    assert "95.455 % of 44 pixels of 3 images" in str(result)
    stored = json.loads((tmp_path / "model.tflite.comparison.json").read_text())
    assert stored["equal_pixels"] == 42
    assert stored["agreement"] == pytest.approx(42 / 44)


def test_labels_of_another_shape_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="the export is broken"):
        comparison.compare(
            tmp_path / "x",
            "tflite",
            [np.zeros([1, 4, 4, 3], np.uint8)],
            exported=lambda batch: np.zeros([1, 2, 2]),
            model=lambda batch: np.zeros([1, 4, 4]),
        )
