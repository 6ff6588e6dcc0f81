# Licensed under the Apache License, Version 2.0.
"""The input of training beside a PyTorch DataLoader with the same augmentation.

python -m benchmarks.input_pipeline
"""

import argparse
import os
import pathlib
import tempfile

import tensorflow as tf

from benchmarks import made_photos, result_table
from benchmarks.network_times import our_worker, peer_worker
from benchmarks.pairs import Ratio
from deeplab_tf.data import schema

HEADER = (
    "workers of the DataLoader",
    "images/s, ours / torch",
    "ours, images/s",
    "torch, images/s",
)
_NUM_PHOTOS = 64
# 0: in the process that trains.
_WORKERS = (0, 1, 2)


def main() -> None:
    """Measures the DataLoader with several numbers of workers and prints a table."""
    arguments = _parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        made_photos.write(pathlib.Path(folder), count=_NUM_PHOTOS)
        write_records(pathlib.Path(folder))
        rows = []
        for num_workers in _WORKERS:
            rows.append(measure(folder, num_workers=num_workers, arguments=arguments))
            print(*rows[-1], sep=" | ", flush=True)
    print(f"load of the machine: {os.getloadavg()[1]:.1f}")
    print(result_table.to_markdown(HEADER, rows))
    if arguments.output:
        result_table.write(arguments.output, HEADER, rows)


def write_records(folder: pathlib.Path) -> None:
    """Writes the images and labels of a folder as records into `records`."""
    (folder / "records").mkdir()
    path = folder / "records" / "train-00000-of-00001.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image in sorted((folder / "images").glob("*.jpg")):
            labels = folder / "labels" / f"{image.stem}.png"
            example = schema.encode_example(
                image.stem,
                image=image.read_bytes(),
                image_format="jpeg",
                height=made_photos.HEIGHT,
                width=made_photos.WIDTH,
                labels=labels.read_bytes(),
            )
            writer.write(example)


def measure(folder: str, *, num_workers: int, arguments: argparse.Namespace) -> tuple:
    """Returns the row of a number of workers.

    Args:
        folder: of the photos.
        num_workers: processes of the DataLoader.
        arguments: batch, crop and pairs.
    """
    options = {"folder": folder, "task": "input_pipeline"}
    for name in ("batch_size", "crop_size", "batches"):
        options[name] = getattr(arguments, name)
    images = arguments.batches * arguments.batch_size
    # One process at a time: both prefetch while they are not asked.
    speeds: list[list[float]] = [[], []]
    for _ in range(arguments.pairs):
        for side, worker in enumerate((our_worker, peer_worker)):
            workers = {"num_workers": num_workers} if side else {}
            with worker() as process:
                process.ask("prepare", **options, **workers)
                speeds[side].append(images / process.ask("run")["seconds"])
    fastest = [max(side) for side in speeds]
    return (
        num_workers,
        Ratio.of(*speeds),
        f"{fastest[0]:.0f}",
        f"{fastest[1]:.0f}",
    )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--crop_size", type=int, default=513)
    parser.add_argument("--batches", type=int, default=50, help="batches of a run")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs")
    parser.add_argument("--output", type=pathlib.Path, help="also writes the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
