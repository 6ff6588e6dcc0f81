# Licensed under the Apache License, Version 2.0.
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.checkpoints.slim_names import slim_name
from deeplab_tf.cli.network import open_network, read_recipe
from deeplab_tf.config import serialization
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.models import build_model
from deeplab_tf.training.checkpointing import CONFIG_FILE
from tests.cli.command import parsed_flags
from tests.cli.tf1_checkpoint import write_tf1_checkpoint

CONFIG = DeepLabV3Config(
    num_classes=3,
    backbone=MobileNetV2Config(depth_multiplier=0.35),
    aspp=dataclasses.replace(DeepLabV3Config().aspp, filters=8, atrous_rates=(2,)),
)
RECIPE = Recipe(name="r", model=CONFIG)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """A checkpoint of research/deeplab without any configuration."""
    folder = tmp_path_factory.mktemp("slim")
    return write_tf1_checkpoint(build_model(CONFIG), folder / "model.ckpt", step=7)


@pytest.fixture
def with_recipe(prefix):
    file = prefix.parent / CONFIG_FILE

    def write(recipe):
        file.write_text(serialization.to_json(recipe))
        return prefix

    yield write
    file.unlink(missing_ok=True)


FLAGS_OF_CONFIG = (
    "--depth_multiplier=0.35",
    "--aspp_convs_filters=8",
    "--atrous_rates=2",
)


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [3, None], ids=["given", "of_the_classifier"])
def test_a_bare_checkpoint_is_described_by_flags_and_defaults(prefix, num_classes):
    with (
        parsed_flags("eval", *FLAGS_OF_CONFIG),
        open_network(prefix, num_classes=num_classes) as network,
    ):
        assert network.config.num_classes == 3
        assert network.config.backbone.output_stride == 16
        assert network.config.aspp.atrous_rates == (2,)
        assert network.step == 7
        assert network.recipe is None
        values = {w.path: w for w in network.model.weights}
    stored = tf.train.load_checkpoint(str(prefix))
    name = "logits/kernel"
    assert np.array_equal(
        values[name].numpy(), stored.get_tensor(slim_name(name, scope="MobilenetV2"))
    )


@pytest.mark.slow
def test_another_number_of_classes_is_said(prefix):
    with (
        parsed_flags("eval", *FLAGS_OF_CONFIG),
        pytest.raises(ValueError, match="a network of 3 classes, and 21 are expected"),
        open_network(prefix, num_classes=21),
    ):
        pass


@pytest.mark.slow
def test_a_bare_checkpoint_of_another_network_lists_what_differs(prefix):
    with (
        parsed_flags("eval", "--depth_multiplier=0.5"),
        pytest.raises(ValueError, match="does not fit this network") as error,
        open_network(prefix, num_classes=3),
    ):
        pass
    assert "depth multiplier" in str(error.value)


@pytest.mark.slow
def test_the_recipe_beside_a_checkpoint_says_the_network(with_recipe):
    evaluation = EvaluationConfig(output_stride=8)
    recipe = dataclasses.replace(RECIPE, evaluation=evaluation)
    with (
        parsed_flags("eval"),
        open_network(with_recipe(recipe), num_classes=21) as network,
    ):
        # The stride of the evaluation, and the rates that belong to it.
        assert network.config.backbone.output_stride == 8
        assert network.config.aspp.atrous_rates == (4,)
        assert network.recipe == recipe
    with (
        parsed_flags("eval", "--output_stride=32"),
        open_network(with_recipe(recipe)) as network,
    ):
        assert network.config.backbone.output_stride == 32
        assert network.config.aspp.atrous_rates == (1,)


def test_a_flag_that_contradicts_the_checkpoint_is_refused(with_recipe):
    with (
        parsed_flags("eval", "--depth_multiplier=1.0"),
        pytest.raises(ValueError, match=r"--depth_multiplier=1.0 does not fit"),
        open_network(with_recipe(RECIPE)),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "is not JSON"),
        ('{"version": 99, "config": {}}', "version 1"),
        ('{"version": 1, "config": {"type": "DataConfig"}}', "a DataConfig, not"),
    ],
)
def test_a_damaged_configuration_names_its_file(tmp_path, text, word):
    (tmp_path / CONFIG_FILE).write_text(text)
    with pytest.raises(ValueError, match=word) as error:
        read_recipe(str(tmp_path / "model.ckpt-1"))
    assert str(tmp_path / CONFIG_FILE) in str(error.value)


def test_no_configuration_is_none(tmp_path):
    assert read_recipe(str(tmp_path / "model.ckpt-1")) is None


@pytest.mark.parametrize(
    ("command", "arguments", "sees_pyramid"),
    [
        ("eval", [], True),
        ("eval", ["--eval_scales=0.5", "--eval_scales=1.0"], False),
        ("export_model", ["--add_flipped_images"], False),
        ("export_model", ["--inference_scales=1.0"], True),
        ("convert", [], True),
    ],
)
def test_scales_of_the_prediction_replace_an_image_pyramid(
    command, arguments, sees_pyramid, prefix
):
    given = [*FLAGS_OF_CONFIG, "--image_pyramid=0.5", "--image_pyramid=1.0", *arguments]
    with parsed_flags(command, *given), open_network(prefix) as network:
        assert (network.config.image_pyramid is not None) == sees_pyramid
        assert ("semantic/0.5" in network.model.output) == sees_pyramid
