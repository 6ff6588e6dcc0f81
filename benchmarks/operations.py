# Licensed under the Apache License, Version 2.0.
"""Where the time of our forward pass or training step goes, by kind of operation.

python -m benchmarks.operations --work=training_step --precision=bfloat16
"""

import argparse
import collections
import pathlib
import re
import tempfile

import tensorflow as tf

from benchmarks import ours, result_table

HEADER = ("operation", "calls", "ms", "share")
_PICOSECONDS = 1e9
# "name:Kind", as TensorFlow writes an operation that it ran.
_OPERATION = re.compile(r"^[^:]+:(?P<kind>_?[A-Z]\w+)$")
_NO_OPERATIONS = ("ThreadpoolListener", "ExecutorState")


def main() -> None:
    """Traces one run and prints a table of the kinds that took longest."""
    arguments = _parse_arguments()
    tasks = {"forward": ours.forward, "training_step": ours.training_step}
    run, _ = tasks[arguments.work](
        backbone=arguments.backbone,
        precision=arguments.precision,
        batch_size=arguments.batch_size,
        crop_size=arguments.crop_size,
        num_classes=21,
    )
    for _ in range(2):
        run()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        run()
        tf.profiler.experimental.stop()
        times = read_trace(pathlib.Path(folder))
    total = sum(sum(values) for values in times.values())
    slowest = sorted(times.items(), key=lambda item: -sum(item[1]))
    rows = [
        (kind, len(values), f"{sum(values):.0f}", f"{sum(values) / total:.0%}")
        for kind, values in slowest[: arguments.rows]
    ]
    print(result_table.to_markdown(HEADER, rows))
    print(f"all {sum(map(len, times.values()))} operations: {total:.0f} ms")


def read_trace(folder: pathlib.Path) -> dict[str, list[float]]:
    """Returns the milliseconds of every call by kind of operation.

    Args:
        folder: a log of TensorFlow's profiler.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    times = collections.defaultdict(list)
    for path in folder.rglob("*.xplane.pb"):
        for plane in xplane_pb2.XSpace.FromString(path.read_bytes()).planes:
            names = {key: value.name for key, value in plane.event_metadata.items()}
            for event in (event for line in plane.lines for event in line.events):
                found = _OPERATION.match(names[event.metadata_id])
                if found and not names[event.metadata_id].startswith(_NO_OPERATIONS):
                    times[found["kind"]].append(event.duration_ps / _PICOSECONDS)
    return dict(times)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--work", choices=["forward", "training_step"], default="forward"
    )
    parser.add_argument("--backbone", default="resnet_v1_50")
    parser.add_argument(
        "--precision", choices=["float32", "bfloat16"], default="float32"
    )
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--crop_size", type=int, default=513)
    parser.add_argument("--rows", type=int, default=12, help="rows of the table")
    return parser.parse_args()


if __name__ == "__main__":
    # Two operations at once would each count the time of both.
    tf.config.threading.set_inter_op_parallelism_threads(1)
    main()
