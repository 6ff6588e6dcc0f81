# Licensed under the Apache License, Version 2.0.
"""Our DeepLabv3 beside torchvision's, case by case, for forward pass and training.

What `forward.py` and `training_step.py` have in common.
"""

import argparse
import contextlib
import dataclasses
import itertools
import os
import pathlib
from collections.abc import Callable
from typing import Any

from benchmarks import result_table
from benchmarks.pairs import Ratio, Worker, alternate, python_of

BACKBONES = ("resnet_v1_50", "resnet_v1_101")
PRECISIONS = ("float32", "bfloat16")
NUM_CLASSES = 21

HEADER = (
    "backbone",
    "precision",
    "batch",
    "ours / torch",
    "processor time",
    "ours, s",
    "torch, s",
    "our share of the peak",
    "memory, ours / torch, GB",
    "without imports",
    "layout of torch",
)

# What torch finds faster differs from case to case.
LAYOUTS = {"channels_last": True, "contiguous": False}
_LAYOUT_PAIRS = 3
_COUNT_DIFFERENCE = 0.01
_PEAK_SIZE = 3072
_PEAK_RUNS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table.

    Attributes:
        backbone: name of the backbone.
        precision: "float32" or "bfloat16".
        batch_size: images of a step.
    """

    backbone: str
    precision: str
    batch_size: int


def run(work: str, *, description: str, passes: int) -> None:
    """Measures all cases and prints a table.

    Args:
        work: the task of `benchmarks.ours` and `benchmarks.peer`.
        description: first line of the help.
        passes: how often the multiply-adds of a forward pass are done: 1, or 3 with
            the gradients of inputs and kernels.
    """
    arguments = _parse_arguments(description)
    peaks = {precision: measure_peak(precision) for precision in arguments.precisions}
    for precision, (ours, peers) in peaks.items():
        print(
            f"matrix product, {precision}: {ours / 1e9:.0f} GFLOP/s by TensorFlow, "
            f"{peers / 1e9:.0f} by torch",
            flush=True,
        )
    rows = []
    combinations = itertools.product(
        arguments.backbones, arguments.precisions, arguments.batch_sizes
    )
    for backbone, precision, batch_size in combinations:
        case = Case(backbone=backbone, precision=precision, batch_size=batch_size)
        row = measure(
            case,
            work=work,
            arguments=arguments,
            operations=2 * passes * batch_size,
            peak=max(peaks[precision]),
        )
        rows.append(row)
        print(*row, sep=" | ", flush=True)
    print(f"load of the machine: {os.getloadavg()[1]:.1f}")
    print(result_table.to_markdown(HEADER, rows))
    if arguments.output:
        result_table.write(arguments.output, HEADER, rows)


def measure(
    case: Case,
    *,
    work: str,
    arguments: argparse.Namespace,
    operations: int,
    peak: float,
) -> tuple:
    """Returns the row of a case.

    Args:
        case: what is measured.
        work: the task.
        arguments: crop, pairs, and whether the peer is changed.
        operations: floating-point operations for each multiply-add of the network.
        peak: operations in a second, the largest that was measured.
    """
    options = {**dataclasses.asdict(case), "crop_size": arguments.crop_size}
    options |= {"num_classes": NUM_CLASSES, "task": work}
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(our_worker())
        count = ours.ask("prepare", **options)["multiply_adds"]
        options["changed"] = not arguments.as_torchvision
        layout, peer = faster_layout(stack, options)
        theirs = peer.ask("prepare", **options, channels_last=LAYOUTS[layout])
        answers = alternate(ours, peer, pairs=arguments.pairs)
        memory = ours.ask("memory"), peer.ask("memory")
    other_count = theirs["multiply_adds"]
    # Where an image is padded before its convolution, the padding counts.
    if abs(count / other_count - 1) > _COUNT_DIFFERENCE:
        print(
            f"multiply-adds: {count / 1e9:.2f} billion by us, "
            f"{other_count / 1e9:.2f} by torch",
            flush=True,
        )
    seconds = [
        [side["seconds"] for side in sides] for sides in zip(*answers, strict=True)
    ]
    processor = [
        [s["processor_seconds"] for s in sides] for sides in zip(*answers, strict=True)
    ]
    fastest = [min(values) for values in seconds]
    return (
        case.backbone,
        case.precision,
        case.batch_size,
        Ratio.of(*seconds),
        f"{Ratio.of(*processor).median:.2f}",
        f"{fastest[0]:.2f}",
        f"{fastest[1]:.2f}",
        f"{operations * count / fastest[0] / peak:.0%}",
        " / ".join(f"{side['peak'] / 1e9:.2f}" for side in memory),
        " / ".join(f"{(side['peak'] - side['imports']) / 1e9:.2f}" for side in memory),
        layout,
    )


def measure_peak(precision: str) -> tuple[float, float]:
    """Returns the operations in a second of a matrix product, by us and by torch."""
    options = {"task": "matrix_product", "size": _PEAK_SIZE, "precision": precision}
    with our_worker() as ours, peer_worker() as peer:
        for worker in (ours, peer):
            worker.ask("prepare", **options)
        answers = alternate(ours, peer, pairs=_PEAK_RUNS)
    fastest = [
        min(side["seconds"] for side in sides) for sides in zip(*answers, strict=True)
    ]
    return 2 * _PEAK_SIZE**3 / fastest[0], 2 * _PEAK_SIZE**3 / fastest[1]


def our_worker() -> Worker:
    """Returns a process of ours."""
    return Worker(
        python_of(".venv"), "benchmarks.ours", environment={"TF_CPP_MIN_LOG_LEVEL": "3"}
    )


def peer_worker() -> Worker:
    """Returns a process of torch."""
    return Worker(python_of(".venv-bench"), "benchmarks.peer")


def faster_layout(stack: contextlib.ExitStack, options: dict) -> tuple[str, Worker]:
    """Returns the faster memory layout of torch, and a fresh process."""
    times = {}
    with contextlib.ExitStack() as trial:
        workers = {name: trial.enter_context(peer_worker()) for name in LAYOUTS}
        for name, worker in workers.items():
            worker.ask("prepare", **options, channels_last=LAYOUTS[name])
        first, second = workers.values()
        answers = alternate(first, second, pairs=_LAYOUT_PAIRS)
        for name, side in zip(workers, zip(*answers, strict=True), strict=True):
            times[name] = min(answer["seconds"] for answer in side)
    return min(times, key=lambda name: times[name]), stack.enter_context(peer_worker())


def _parse_arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    _add_list(parser, "--backbones", BACKBONES, str)
    _add_list(parser, "--precisions", PRECISIONS, str)
    _add_list(parser, "--batch_sizes", (1, 2), int)
    parser.add_argument("--crop_size", type=int, default=513)
    parser.add_argument("--pairs", type=int, default=7, help="pairs of each case")
    parser.add_argument(
        "--as_torchvision",
        action="store_true",
        help="leave torchvision's strides, rates and last 3x3 convolution as they are",
    )
    parser.add_argument("--output", type=pathlib.Path, help="also writes the table")
    return parser.parse_args()


def _add_list(
    parser: argparse.ArgumentParser,
    name: str,
    default: tuple,
    kind: Callable[[str], Any],
) -> None:
    parser.add_argument(name, type=kind, nargs="+", default=list(default))
