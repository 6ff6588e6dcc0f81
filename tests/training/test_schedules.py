# Licensed under the Apache License, Version 2.0.
"""Learning rates: hand-computed, then the original's."""

import json

import keras
import numpy as np
import pytest

from deeplab_tf.config import train as train_config
from deeplab_tf.training import schedules


def rates(schedule, steps, total_steps=10):
    return [
        float(schedules.learning_rate(schedule, step=step, total_steps=total_steps))
        for step in steps
    ]


def test_poly_falls_to_its_end_and_stays():
    schedule = train_config.PolySchedule(
        learning_rate=1.0, power=2.0, end_learning_rate=0.2
    )
    expected = [1.0, 0.8 * 0.25 + 0.2, 0.2, 0.2]
    assert rates(schedule, [0, 5, 10, 11]) == pytest.approx(expected)


def test_poly_takes_its_own_length_where_given():
    schedule = train_config.PolySchedule(learning_rate=1.0, power=1.0, decay_steps=4)
    assert rates(schedule, [1, 4]) == pytest.approx([0.75, 0.0])


def test_poly_may_keep_a_rate_for_some_steps():
    schedule = train_config.PolySchedule(
        learning_rate=1.0, power=1.0, update_every_steps=4
    )
    expected = [1.0, 1.0, 0.6, 0.6, 0.2]
    assert rates(schedule, [0, 3, 4, 7, 9]) == pytest.approx(expected)


def test_step_falls_at_once():
    schedule = train_config.StepSchedule(
        learning_rate=1.0, decay_factor=0.5, decay_every_steps=3
    )
    assert rates(schedule, [0, 2, 3, 6]) == pytest.approx([1.0, 1.0, 0.5, 0.25])


def test_cosine_is_half_way_at_half_time():
    schedule = train_config.CosineSchedule(learning_rate=1.0)
    assert rates(schedule, [0, 5, 10, 12]) == pytest.approx([1, 0.5, 0, 0], abs=1e-7)


def test_multi_step_changes_after_its_boundaries():
    schedule = train_config.MultiStepSchedule(
        boundaries=(2, 4), learning_rates=(1.0, 0.5, 0.25)
    )
    expected = [1.0, 1.0, 0.5, 0.5, 0.25]
    assert rates(schedule, [0, 2, 3, 4, 5]) == pytest.approx(expected)


def test_multi_step_refuses_a_missing_rate():
    schedule = train_config.MultiStepSchedule(boundaries=(2, 4), learning_rates=(1.0,))
    with pytest.raises(ValueError, match="one learning rate more"):
        rates(schedule, [0])


def test_decay_begins_after_the_slow_start():
    slow_start = train_config.SlowStart(steps=2, learning_rate=0.1)
    schedule = train_config.PolySchedule(
        learning_rate=1.0, power=1.0, slow_start=slow_start
    )
    # Eight steps are left for the decay.
    expected = [0.1, 0.1, 1.0, 0.5, 0.0]
    assert rates(schedule, [0, 1, 2, 6, 10]) == pytest.approx(expected)


@pytest.mark.parametrize(
    "schedule_type", [train_config.StepSchedule, train_config.CosineSchedule]
)
def test_linear_slow_start_rises_to_the_first_rate(schedule_type):
    slow_start = train_config.SlowStart(steps=4, learning_rate=0.2, linear=True)
    schedule = schedule_type(learning_rate=1.0, slow_start=slow_start)
    assert rates(schedule, [0, 1, 2, 4]) == pytest.approx([0.2, 0.4, 0.6, 1.0])


def test_linear_slow_start_of_multi_step_rises_to_its_first_rate():
    slow_start = train_config.SlowStart(steps=2, learning_rate=0.0, linear=True)
    schedule = train_config.MultiStepSchedule(
        learning_rates=(0.5,), slow_start=slow_start
    )
    assert rates(schedule, [0, 1, 2]) == pytest.approx([0.0, 0.25, 0.5])


def test_slow_start_may_outlast_the_training():
    slow_start = train_config.SlowStart(steps=20, learning_rate=0.1)
    schedule = train_config.PolySchedule(learning_rate=1.0, slow_start=slow_start)
    assert rates(schedule, [0, 9, 19, 20]) == pytest.approx([0.1, 0.1, 0.1, 1.0])


def test_something_else_is_an_error():
    with pytest.raises(ValueError, match="Expected one of the schedules"):
        schedules.learning_rate(train_config.TrainConfig(), step=0, total_steps=1)


def test_keras_schedule_survives_serialization():
    slow_start = train_config.SlowStart(steps=2, learning_rate=0.1)
    schedule = schedules.LearningRate(
        train_config.StepSchedule(slow_start=slow_start), total_steps=10
    )
    serialize = keras.optimizers.schedules.serialize
    copy = keras.optimizers.schedules.deserialize(serialize(schedule))
    assert copy.schedule == schedule.schedule
    assert copy.total_steps == 10
    assert float(copy(5)) == float(schedule(5))


def schedule_of(options):
    """Returns our schedule for the options of a recorded case."""
    slow_start = train_config.SlowStart(
        steps=options["slow_start_step"],
        learning_rate=options["slow_start_learning_rate"],
        linear=options.get("slow_start_burnin_type", "none") == "linear",
    )
    base = options["base_learning_rate"]
    if options["learning_policy"] == "poly":
        return train_config.PolySchedule(
            learning_rate=base,
            power=options["learning_power"],
            end_learning_rate=options.get("end_learning_rate", 0.0),
            decay_steps=int(options.get("decay_steps", 0)),
            slow_start=slow_start,
        )
    if options["learning_policy"] == "step":
        return train_config.StepSchedule(
            learning_rate=base,
            decay_factor=options["learning_rate_decay_factor"],
            decay_every_steps=options["learning_rate_decay_step"],
            slow_start=slow_start,
        )
    if options["learning_policy"] == "cosine":
        return train_config.CosineSchedule(learning_rate=base, slow_start=slow_start)
    return train_config.MultiStepSchedule(
        boundaries=tuple(options["boundaries"]),
        learning_rates=tuple(options["boundary_learning_rates"]),
        slow_start=slow_start,
    )


@pytest.mark.reference
@pytest.mark.parametrize(
    "name",
    [
        "poly",
        "poly_slow",
        "poly_slow_linear",
        "poly_end_decay_steps",
        "step",
        "step_slow",
        "step_slow_linear",
        "cosine_slow",
        "multi_steps",
    ],
)
def test_rates_are_those_of_the_original(reference, name):
    folder = reference / "reference" / "official"
    values = np.load(folder / "functions.npz")
    cases = json.loads((folder / "functions.json").read_text())
    options = cases[f"learning_rate/{name}"]["options"]
    ours = rates(
        schedule_of(options),
        values["learning_rate/steps"],
        total_steps=options["training_number_of_steps"],
    )
    np.testing.assert_allclose(ours, values[f"learning_rate/{name}"], rtol=1e-6)
