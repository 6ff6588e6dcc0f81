# Licensed under the Apache License, Version 2.0.
"""On which devices a step runs.

A strategy is chosen once, before the network is built. `build_strategy("auto")` takes
all GPUs of the machine. Several machines: set `TF_CONFIG` on each of them as TensorFlow
documents it, take the strategy "multi_worker", and give all of them the same working
folder; the first worker writes its files.
"""

import functools

import tensorflow as tf

NAMES = ("auto", "one", "mirrored", "multi_worker")


def split_cpu(num_devices: int) -> None:
    """Makes logical devices out of the CPU, to try several replicas without a GPU.

    Args:
        num_devices: how many devices `tf.config.list_logical_devices("CPU")` lists
            afterwards.

    Raises:
        ValueError: TensorFlow has already used the CPU.
    """
    cpu = tf.config.list_physical_devices("CPU")[0]
    devices = [tf.config.LogicalDeviceConfiguration()] * num_devices
    try:
        tf.config.set_logical_device_configuration(cpu, devices)
    except RuntimeError as error:
        raise ValueError(
            "The CPU can be split only before TensorFlow first computes: call "
            "split_cpu at the start of the program."
        ) from error


def build_strategy(
    name: str = "auto", *, num_replicas: int | None = None
) -> tf.distribute.Strategy:
    """Returns the strategy under which a network is built and trained.

    Args:
        name: "one": one device, the first GPU if there is one, else the CPU.
            "mirrored": one replica per GPU, or per logical CPU device where there is
            no GPU. "multi_worker": the machines of `TF_CONFIG`, one replica per GPU.
            "auto": "mirrored" if there are several GPUs or `num_replicas` asks for
            several replicas, else "one".
        num_replicas: devices of "mirrored"; None takes all.

    Raises:
        ValueError: the name is unknown, or there are fewer devices.
    """
    if name not in NAMES:
        raise ValueError(f"strategy must be one of {', '.join(NAMES)}, got {name!r}.")
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    kind = "GPU" if tf.config.get_visible_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    if name == "auto":
        several = num_replicas or (len(devices) if kind == "GPU" else 1)
        name = "mirrored" if several > 1 else "one"
    if name == "one":
        # TensorFlow's default: no wrapping, and the first GPU if there is one.
        return tf.distribute.get_strategy()
    num_replicas = num_replicas or len(devices)
    if not 1 <= num_replicas <= len(devices):
        raise ValueError(
            f"num_replicas must lie between 1 and the number of {kind} devices, "
            f"{len(devices)}, got {num_replicas}."
        )
    return _mirrored(tuple(devices[:num_replicas]))


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """Returns the one mirrored strategy over these devices.

    A second one would number its collective operations from the start again, and
    TensorFlow takes them for those of the first, with other shapes: an error.
    """
    return tf.distribute.MirroredStrategy(devices)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process writes the files of a run."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    workers = resolver.cluster_spec().as_dict()
    if resolver.task_type == "worker" and "chief" not in workers:
        return resolver.task_id == 0
    return resolver.task_type == "chief"
