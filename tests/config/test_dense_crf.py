# Licensed under the Apache License, Version 2.0.
import pytest

from deeplab_tf.config import serialization
from deeplab_tf.config.crf_search import SEARCHES, CRFSearchSpace
from deeplab_tf.config.dense_crf import PRESETS, DenseCRFConfig, get_preset
from deeplab_tf.config.evaluation import EvaluationConfig


def test_a_preset_is_found_by_its_name():
    assert get_preset("deeplab_v1") == DenseCRFConfig(
        bilateral_weight=5,
        bilateral_xy=50,
        bilateral_rgb=10,
        spatial_weight=3,
        spatial_xy=3,
        iterations=10,
    )


def test_an_unknown_preset_lists_all():
    with pytest.raises(ValueError, match="Unknown CRF 'v9'") as raised:
        get_preset("v9")
    for name in PRESETS:
        assert name in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bilateral_xy": -1.0}, "bilateral_xy is a standard deviation"),
        ({"bilateral_rgb": 0.0}, "bilateral_rgb is a standard deviation"),
        ({"spatial_xy": float("nan")}, "spatial_xy is a standard deviation"),
        ({"spatial_weight": -0.5}, "spatial_weight must not be negative"),
        ({"spatial_xy": 1e-45}, "from 0.001 to 1e"),
        ({"bilateral_xy": "3"}, "bilateral_xy is a standard deviation"),
        ({"bilateral_weight": 1e30}, "bilateral_weight must not be negative, nor over"),
        ({"iterations": True}, "iterations must be a whole number"),
        ({"compatibility": [[0.0]]}, "compatibility must be a tuple of tuples"),
        ({"iterations": -1}, "iterations must be a whole number"),
        ({"iterations": 2.5}, "iterations must be a whole number"),
        ({"compatibility": ((0.0, 1.0),)}, "compatibility must be square"),
        ({"normalization": "both"}, "normalization must be one of"),
        ({"backend": "caffe"}, "backend must be one of"),
        ({"backend": "pydensecrf", "filter": "exact"}, "no exact filter"),
        (
            {"backend": "pydensecrf", "compatibility": ((0.0, 1.0), (2.0, 0.0))},
            "give a symmetric one",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_bad_parameters_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DenseCRFConfig(**options)


def test_an_evaluation_keeps_its_crf_in_json():
    crf = DenseCRFConfig(compatibility=((0.0, 1.0), (2.0, 0.0)), iterations=3)
    evaluation = EvaluationConfig(crf=crf)
    text = serialization.to_json(evaluation)
    assert serialization.from_json(text) == evaluation


def test_a_search_holds_the_ranges_of_its_paper():
    first = SEARCHES["deeplab_v1"]
    assert first.shape == (6, 6, 8)
    assert first.config((0, 1, 7)) == DenseCRFConfig(
        bilateral_weight=5, bilateral_xy=60, bilateral_rgb=10, spatial_xy=3
    )
    assert SEARCHES["deeplab_v2"].shape == (4, 8, 4)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((), "bilateral_weights must be numbers in ascending order"),
        ((2.0, 1.0), "bilateral_weights must be numbers in ascending order"),
        ((-1.0, 1.0), "bilateral_weight must not be negative"),
    ],
    ids=["none", "order", "negative"],
)
def test_bad_ranges_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        CRFSearchSpace(
            bilateral_weights=weights, bilateral_xys=(3.0,), bilateral_rgbs=(3.0,)
        )
