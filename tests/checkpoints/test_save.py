# Licensed under the Apache License, Version 2.0.
"""Saving under research/deeplab's names: what the original's code restores."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.checkpoints.load import load_checkpoint
from deeplab_tf.checkpoints.save import find_scope, save_slim_checkpoint
from deeplab_tf.config.backbone import BACKBONES
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.models import build_model
from tests import contracts, goldens
from tests.models.model_cases import config_of

RECORDED = (
    *goldens.MOBILENET_V2,
    *goldens.MOBILENET_V3,
    *goldens.MOBILENET_EDGETPU,
    *goldens.RESNET,
    *goldens.XCEPTION,
    *goldens.NASNET,
    *goldens.HEADS,
)


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED)
def test_names_shapes_and_types_are_those_of_the_original(name, reference, tmp_path):
    golden = goldens.load(reference, name)
    model = build_model(golden.config)
    prefix = save_slim_checkpoint(
        model, tmp_path / "model.ckpt", config=golden.config, step=30000
    )
    reader = tf.train.load_checkpoint(prefix)
    expected = dict(golden.case["variables"]) | {"global_step": []}
    assert reader.get_variable_to_shape_map() == expected
    types = reader.get_variable_to_dtype_map()
    assert types.pop("global_step") == tf.int64
    assert set(types.values()) == {tf.float32}
    assert reader.get_tensor("global_step") == 30000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v3", "v3plus_two_stages_sum_dense"])
def test_values_come_back_bit_by_bit(name, tmp_path):
    config = config_of(name)
    model, other = build_model(config), build_model(config)
    contracts.draw_weights(model)
    prefix = save_slim_checkpoint(model, tmp_path / "a" / "model.ckpt", config=config)
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == [
        "model.ckpt.data-00000-of-00001",
        "model.ckpt.index",
    ]
    report = load_checkpoint(other, prefix)
    assert report.ignored == ("global_step",)
    for ours, theirs in zip(other.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


@pytest.mark.slow
def test_checkpoint_is_replaced(tmp_path):
    config = config_of("v3")
    model = build_model(config)
    for step in (1, 2):
        path = tmp_path / "model.ckpt"
        prefix = save_slim_checkpoint(model, path, config=config, step=step)
    assert tf.train.load_checkpoint(prefix).get_tensor("global_step") == 2


@pytest.mark.parametrize("variant", BACKBONES)
def test_every_backbone_has_a_scope(variant):
    config = dataclasses.replace(config_of("v3"), backbone=BACKBONES[variant])
    assert find_scope(config)


def test_backbone_without_names_is_told(monkeypatch):
    monkeypatch.setattr(MobileNetV2Config, "variant", "another")
    with pytest.raises(ValueError, match="no names for the backbone another"):
        find_scope(config_of("v3"))


def test_file_in_the_way_is_told(tmp_path):
    config = config_of("v3")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        save_slim_checkpoint(
            build_model(config), tmp_path / "file" / "model.ckpt", config=config
        )
