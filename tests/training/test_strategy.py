# Licensed under the Apache License, Version 2.0.
import subprocess
import sys

import pytest
import tensorflow as tf

from deeplab_tf.training import strategy


def test_build_strategy_one_is_a_single_replica():
    assert strategy.build_strategy("one").num_replicas_in_sync == 1
    assert strategy.is_chief(strategy.build_strategy("one"))


def test_build_strategy_mirrored_takes_the_devices_there_are():
    built = strategy.build_strategy("mirrored")
    assert isinstance(built, tf.distribute.MirroredStrategy)
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    assert built.num_replicas_in_sync == len(tf.config.list_logical_devices(kind))


def test_build_strategy_rejects_what_it_does_not_know():
    with pytest.raises(ValueError, match="one of auto, one, mirrored, multi_worker"):
        strategy.build_strategy("tpu")


def test_build_strategy_rejects_more_replicas_than_devices():
    with pytest.raises(ValueError, match=r"number of [CG]PU devices, .*got 99"):
        strategy.build_strategy("mirrored", num_replicas=99)


def test_split_cpu_after_tensorflow_has_started_says_when_to_call_it():
    tf.constant(1.0)
    with pytest.raises(ValueError, match="before TensorFlow first computes"):
        strategy.split_cpu(2)


@pytest.mark.slow
def test_split_cpu_gives_auto_several_replicas(root):
    code = (
        "from deeplab_tf.training import strategy\n"
        "strategy.split_cpu(2)\n"
        "built = strategy.build_strategy('auto', num_replicas=2)\n"
        "print('replicas', built.num_replicas_in_sync)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True
    )
    assert "replicas 2" in done.stdout, done.stderr
