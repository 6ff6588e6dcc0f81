# Licensed under the Apache License, Version 2.0.
"""Drop path in training: the length of its ramp, and the count in checkpoints."""

import keras
import numpy as np
import pytest

from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.image_pyramid import ImagePyramidConfig
from deeplab_tf.config.nasnet import NASNetConfig
from deeplab_tf.config.train import TrainConfig
from deeplab_tf.layers.drop_path import DropPath
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.training import checkpointing
from deeplab_tf.training.loop import TrainLoop
from deeplab_tf.training.train import with_drop_path_ramp
from tests.training import toy_network

TRAIN = TrainConfig(steps=100, batch_size=4)


@pytest.mark.parametrize(
    ("options", "parts", "scales", "expected"),
    [
        ({}, 1, None, 100),
        ({"drop_path_steps": 30}, 1, None, 30),
        ({}, 4, None, 400),
        ({}, 2, (0.5, 1.0, 1.5), 600),
        ({"drop_path_keep_prob": 1.0}, 4, None, 0),
    ],
)
def test_ramp_is_counted_in_training_calls(options, parts, scales, expected):
    backbone = NASNetConfig(**({"drop_path_keep_prob": 0.9} | options))
    pyramid = None if scales is None else ImagePyramidConfig(scales=scales)
    config = DeepLabV3Config(backbone=backbone, image_pyramid=pyramid)
    train = TrainConfig(steps=100, batch_size=4, gradient_accumulation=parts)
    changed = with_drop_path_ramp(config, train)
    assert changed.backbone.drop_path_steps == expected


def test_other_backbones_have_no_ramp():
    config = DeepLabV3Config()
    assert with_drop_path_ramp(config, TRAIN) is config


def build_loop():
    """Returns the training of a toy network with a branch that may be dropped."""
    images = keras.Input((None, None, 3), name="image")
    branch = keras.layers.Rescaling(1 / 255, name="scaling")(images)
    branch = DropPath(0.5, ramp_calls=10, name="drop_path")(branch)
    logits = keras.layers.Conv2D(toy_network.NUM_CLASSES, 1, name="logits")(branch)
    model = keras.Model(images, {"semantic": logits})
    return TrainLoop(model, config=TRAIN, loss=SoftmaxCrossEntropy())


def test_checkpoint_holds_the_place_on_the_ramp(tmp_path):
    first, second = build_loop(), build_loop()
    batch = toy_network.toy_arrays(4)
    del batch["image_name"]
    first.run([batch] * 3, steps=3)
    prefix = checkpointing.save_checkpoint(
        tmp_path, model=first.model, optimizer=first.optimizer, step=first.step
    )
    checkpointing.restore_checkpoint(second.model, second.optimizer, prefix)
    keep_prob = second.model.get_layer("drop_path").current_keep_prob()
    np.testing.assert_allclose(keep_prob, 1 - 0.3 * 0.5, rtol=1e-6)
