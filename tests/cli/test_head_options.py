# Licensed under the Apache License, Version 2.0.
"""Options of heads that the table of networks does not reach."""

import dataclasses
import json

import pytest

from deeplab_tf.cli.head_options import read_cell
from deeplab_tf.cli.model_options import build_config, change_config, options_of
from deeplab_tf.config import deeplab_v1, deeplab_v2
from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.dense_prediction_cell import CELLS, format_cell
from deeplab_tf.config.recipe import rescale_rates

NAME = "dense_prediction_cell_branch5_top1_cityscapes"
SUMMED = {"aspp_with_batch_norm": False, "atrous_rates": (6, 12)}


def test_a_cell_is_read_from_a_file(tmp_path):
    path = tmp_path / "cell.json"
    path.write_text(json.dumps(format_cell(CELLS[NAME])))
    config = build_config({"dense_prediction_cell_json": str(path)})
    assert config.aspp == CELLS[NAME]


@pytest.mark.parametrize("text", [NAME, f"deeplab/core/{NAME}.json"])
def test_a_known_cell_needs_no_file(text):
    assert read_cell(text) == CELLS[NAME].branches


@pytest.mark.parametrize("content", ["[", "{}", '[{"op": "conv"}]'])
def test_a_file_that_is_no_cell_is_refused(content, tmp_path):
    path = tmp_path / "cell.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"cell\.json cannot be read as a cell"):
        read_cell(str(path))


def test_an_unknown_cell_is_refused():
    with pytest.raises(ValueError, match=f"no cell of that name; known are {NAME}"):
        read_cell("best_cell")


def test_no_cell_is_an_aspp():
    assert build_config({"dense_prediction_cell_json": ""}) == build_config({})


def test_a_cell_may_be_given_again_to_its_checkpoint():
    config = build_config({"dense_prediction_cell_json": NAME})
    given = {"dense_prediction_cell_json": NAME}
    assert change_config(config, given, from_checkpoint=True) == config
    with pytest.raises(ValueError, match="does not fit the checkpoint"):
        change_config(build_config({}), given, from_checkpoint=True)


def test_rates_without_aspp_are_summed_logits():
    config = build_config(SUMMED | {"logits_kernel_size": 3})
    assert isinstance(config, DeepLabV2Config)
    assert config.classifier.kernel_size == 3
    assert config.classifier.atrous_rates == (6, 12)


def test_rates_without_aspp_are_summed_logits_behind_a_decoder():
    config = build_config(SUMMED | {"decoder_output_stride": (4,)})
    assert isinstance(config, DeepLabV3PlusConfig)
    assert config.aspp is None
    assert config.classifier.atrous_rates == (6, 12)


def test_summed_rates_follow_the_output_stride():
    config = build_config(SUMMED)
    changed = change_config(config, {"output_stride": 8})
    assert changed.classifier.atrous_rates == (12, 24)
    assert options_of(changed)["atrous_rates"] == (12, 24)


@pytest.mark.parametrize("given", [{}, {"aspp_with_batch_norm": False}])
def test_a_large_kernel_needs_rates(given):
    with pytest.raises(ValueError, match="--logits_kernel_size=3 is for a network"):
        build_config(given | {"logits_kernel_size": 3})


def test_an_image_pyramid_may_be_given_to_a_checkpoint():
    given = {"image_pyramid": (0.5, 1.0), "merge_method": "avg"}
    config = change_config(build_config({}), given, from_checkpoint=True)
    assert config.image_pyramid.scales == (0.5, 1.0)
    assert config.image_pyramid.merge == "average"


PAPERS = {
    **{f"v1_{name}": config for name, config in deeplab_v1.VARIANTS.items()},
    **{f"v2_{name}": config for name, config in deeplab_v2.VARIANTS.items()},
}


@pytest.mark.parametrize("name", PAPERS)
def test_networks_of_v1_and_v2_stay_without_flags(name):
    assert change_config(PAPERS[name], {}) == PAPERS[name]


@pytest.mark.parametrize("name", PAPERS)
def test_networks_of_v1_and_v2_take_classes_and_output_stride(name):
    given = {"num_classes": 5, "output_stride": 16}
    changed = change_config(PAPERS[name], given)
    expected = dataclasses.replace(rescale_rates(PAPERS[name], 16), num_classes=5)
    assert changed == expected


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (
            "v1_DeepLab-MSc",
            {"decoder_output_stride": (4,)},
            r"--decoder_output_stride=\(4,\) is no option of DeepLab v1",
        ),
        (
            "v1_DeepLab-MSc",
            {"image_pyramid": (0.5, 1.0)},
            r"--image_pyramid=\(0.5, 1.0\) is no option of DeepLab v1",
        ),
        (
            "v1_DeepLab",
            {"model_variant": "resnet_v1_50"},
            "its backbone is a VGGConfig with fc_channels, got ResNetConfig",
        ),
        (
            "v2_VGG-16 ASPP-S",
            {"decoder_output_stride": (4,)},
            "VGG-16's ASPP, whose branches have an fc6 and an fc7, goes with neither",
        ),
    ],
    ids=str,
)
def test_another_head_is_refused(name, given, message):
    with pytest.raises(ValueError, match=message):
        change_config(PAPERS[name], given)


def test_a_pyramid_of_the_image_alone_is_none():
    assert build_config({"image_pyramid": (1.0,)}) == build_config({})
