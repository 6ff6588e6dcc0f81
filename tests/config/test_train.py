# Licensed under the Apache License, Version 2.0.
import json

import pytest

from deeplab_tf.config import serialization
from deeplab_tf.config.train import AdamConfig, PolySchedule, TrainConfig

# What a configuration of version 0.1.0 did not have.
NEW_FIELDS = {
    "TrainConfig": (
        *("gradient_accumulation", "clip_norm", "moving_average_decay"),
        "frozen_paths",
    ),
    "PolySchedule": ("update_every_steps",),
    "AdamConfig": ("beta_1", "beta_2", "weight_decay"),
}


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (TrainConfig, {"gradient_accumulation": 0}, "at least 1 and divide"),
        (TrainConfig, {"gradient_accumulation": 3}, "the batch_size, 16, got 3"),
        (TrainConfig, {"clip_norm": -1.0}, "clip_norm must not be negative"),
        (TrainConfig, {"moving_average_decay": 1.0}, r"\[0, 1\), got 0.0 and 1.0"),
        (PolySchedule, {"update_every_steps": 0}, "must be at least 1, got 0"),
        (AdamConfig, {"beta_2": 1.0}, r"lie in \[0, 1\), got 0.9 and 1.0"),
        (AdamConfig, {"weight_decay": -0.1}, "must not be negative"),
    ],
)
def test_impossible_values_are_refused(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls(**options)


def test_a_configuration_without_the_newer_fields_means_what_it_meant():
    config = TrainConfig(optimizer=AdamConfig(learning_rate=0.5), steps=7)
    data = json.loads(serialization.to_json(config))
    config_data = data["config"]
    for node in (config_data, config_data["optimizer"], config_data["schedule"]):
        for name in NEW_FIELDS[node["type"]]:
            del node[name]
    old = serialization.from_json(json.dumps(data))
    assert old == config
    assert (old.gradient_accumulation, old.clip_norm) == (1, 0)
    assert old.moving_average_decay == old.optimizer.weight_decay == 0
    assert (old.optimizer.beta_1, old.optimizer.beta_2) == (0.9, 0.999)
