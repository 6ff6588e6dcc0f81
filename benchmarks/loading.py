# Licensed under the Apache License, Version 2.0.
"""Time and memory of building a network and of loading a large checkpoint into it.

The checkpoint is made: Xception-65 with a decoder under the names of research/deeplab,
with the slots of its optimizer, as training leaves them; its size is printed.

python -m benchmarks.loading
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from benchmarks import result_table
from benchmarks.pairs import ROOT

RECIPE = "deeplab_v3plus_xception_65_voc2012"
HEADER = ("step", "seconds", "peak memory, MB", "over the size of the checkpoint")


def write_checkpoint(prefix: str) -> None:
    """Writes the checkpoint of the recipe's network with slots of momentum."""
    import numpy as np
    import tensorflow as tf

    import deeplab_tf as deeplab
    from deeplab_tf.checkpoints.slim_names import slim_name

    model = deeplab.build_model(deeplab.get_recipe(RECIPE).model)
    tensors = {"global_step": np.int64(30000)}
    for weight in model.weights:
        name = slim_name(weight.path, scope="xception_65")
        tensors[name] = np.asarray(weight)
        if weight.trainable:
            tensors[f"{name}/Momentum"] = np.zeros(weight.shape, "float32")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(value) for value in tensors.values()],
    )


def measure(prefix: str) -> None:
    """Prints times and memory of building and loading, in a process that is new."""
    import tensorflow as tf

    import deeplab_tf as deeplab

    # All that is imported late, and TensorFlow's own start.
    deeplab.build_model, deeplab.load_checkpoint  # noqa: B018
    tf.zeros(1)
    began, before = time.perf_counter(), _peak()
    model = deeplab.build_model(deeplab.get_recipe(RECIPE).model)
    built, building = time.perf_counter(), _peak()
    deeplab.load_checkpoint(model, prefix)
    loaded, loading = time.perf_counter(), _peak()
    answer = {
        "build": [built - began, building - before],
        "load": [loaded - built, loading - building],
    }
    print(json.dumps(answer))


def _peak() -> int:
    """Returns the bytes of this process at its largest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Makes the checkpoint, measures in another process and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write_checkpoint(arguments.write)
        return
    if arguments.measure:
        measure(arguments.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(pathlib.Path(folder) / "model.ckpt")
        _run("--write", prefix)
        size = sum(path.stat().st_size for path in pathlib.Path(folder).iterdir())
        lines = _run("--measure", prefix).splitlines()
    print(f"checkpoint: {size / 1e6:.0f} MB")
    rows = [
        (step, f"{seconds:.1f}", f"{memory / 1e6:.0f}", f"{memory / size:.2f}")
        for step, (seconds, memory) in json.loads(lines[-1]).items()
    ]
    print(result_table.to_markdown(HEADER, rows))


def _run(option: str, prefix: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.loading", option, prefix],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    main()
