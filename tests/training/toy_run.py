# Licensed under the Apache License, Version 2.0.
"""A recipe, network and data small enough for a whole training in a test."""

import keras

from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.config.train import PolySchedule, TrainConfig
from deeplab_tf.data import sources
from deeplab_tf.layers.batch_norm import BatchNorm


def build_toy_model(config: DeepLabV3Config) -> keras.Model:
    """Returns a toy with dropout in place of the network that a config describes."""
    style = config.head_style
    images = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(2 / 255, offset=-1, name="scaling")(images)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", name="conv")(x)
    norm = BatchNorm(
        momentum=style.norm_momentum, train_norm=style.train_norm, name="norm"
    )
    x = keras.layers.Dropout(0.2, name="dropout")(norm(x))
    x = keras.layers.ReLU(name="relu")(x)
    logits = keras.layers.Conv2D(config.num_classes, 1, name="logits", dtype="float32")(
        x
    )
    return keras.Model(images, {"semantic": logits})


def toy_recipe(**train_options) -> Recipe:
    """Returns a recipe of few steps over small drawn shapes."""
    style = ConvStyle(norm_momentum=0.5)
    options = {
        "steps": 6,
        "batch_size": 4,
        "log_steps": 2,
        "save_interval_steps": 2,
        "schedule": PolySchedule(learning_rate=0.1),
    }
    return Recipe(
        name="toy",
        model=DeepLabV3Config(num_classes=6, backbone_style=style, head_style=style),
        data=DataConfig(dataset="shapes", crop_size=(25, 25)),
        train=TrainConfig(**options | train_options),
        evaluation=EvaluationConfig(crop_size=(33, 33)),
    )


def toy_source(split: str) -> sources.Source:
    """Returns ten drawn shapes of 33 x 33 pixels."""
    return sources.synthetic_source(split, num_examples=10, image_size=33)
