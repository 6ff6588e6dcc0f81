# Licensed under the Apache License, Version 2.0.
"""All backbones and the networks of torchvision: times, memory, and the peer's.

A backbone is measured as the DeepLabv3 that it is by default: image pooling, a 1x1
convolution and 21 classes at output stride 16. torchvision's networks, which this
project builds with its options, are measured beside torchvision.

python -m benchmarks.variants
"""

import argparse
import contextlib
import os
import pathlib

from benchmarks import network_times, result_table
from benchmarks.network_times import LAYOUTS, faster_layout, our_worker
from benchmarks.pairs import Ratio, alternate
from deeplab_tf.config.backbone import BACKBONES
from deeplab_tf.config.torchvision import TORCHVISION

HEADER = (
    "network",
    "building, s",
    "forward, s",
    "GB",
    "training step, s",
    "GB",
    "forward, ours / torch",
    "step, ours / torch",
)
_NO_PEER = "-"


def measure(network: str, *, arguments: argparse.Namespace) -> tuple:
    """Returns the row of a network."""
    cells, ratios, building = [], [], 0.0
    for task, batch_size in (("forward", 1), ("training_step", 2)):
        options = {
            "network": network,
            "crop_size": arguments.crop_size,
            "num_classes": network_times.NUM_CLASSES,
        }
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(our_worker())
            facts = ours.ask("prepare", task=f"variant_{task}", **options)
            building = max(building, facts["building_seconds"])
            seconds, ratio = _alternate_with_peer(
                stack, ours, task, batch_size, options, pairs=arguments.pairs
            )
            memory = ours.ask("memory")["peak"]
        cells += [f"{min(seconds):.2f}", f"{memory / 1e9:.2f}"]
        ratios.append(ratio)
    return (network, f"{building:.1f}", *cells, *ratios)


def _alternate_with_peer(
    stack, ours, task: str, batch_size: int, options: dict, *, pairs: int
) -> tuple[list[float], str]:
    """Returns the times of our runs, and their ratio to the peer's if there is one."""
    if options["network"] not in TORCHVISION:
        return [ours.ask("run")["seconds"] for _ in range(pairs)], _NO_PEER
    asked = {
        "task": task,
        "backbone": options["network"],
        "precision": "float32",
        "batch_size": batch_size,
        "crop_size": options["crop_size"],
        "num_classes": options["num_classes"],
        "changed": False,
    }
    layout, peer = faster_layout(stack, asked)
    peer.ask("prepare", **asked, channels_last=LAYOUTS[layout])
    answers = alternate(ours, peer, pairs=pairs)
    seconds = [[a["seconds"] for a in side] for side in zip(*answers, strict=True)]
    return seconds[0], str(Ratio.of(*seconds))


def main() -> None:
    """Prints a row as soon as it is known, and then the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=[*BACKBONES, *TORCHVISION])
    parser.add_argument("--crop_size", type=int, default=513)
    parser.add_argument("--pairs", type=int, default=5, help="runs of each network")
    parser.add_argument("--output", type=pathlib.Path, help="also writes the table")
    arguments = parser.parse_args()
    rows = []
    for network in arguments.networks:
        rows.append(measure(network, arguments=arguments))
        print(*rows[-1], sep=" | ", flush=True)
    print(f"load of the machine: {os.getloadavg()[1]:.1f}")
    print(result_table.to_markdown(HEADER, rows))
    if arguments.output:
        result_table.write(arguments.output, HEADER, rows)


if __name__ == "__main__":
    main()
