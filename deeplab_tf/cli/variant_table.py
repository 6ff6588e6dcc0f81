# Licensed under the Apache License, Version 2.0.
"""All backbones with their size and cost, as the Markdown table of g3doc/model_zoo.md.

`python -m deeplab_tf.cli.variant_table` prints it.
"""

import dataclasses
import math

import keras

from deeplab_tf.backbones import build_backbone
from deeplab_tf.cli import reporting
from deeplab_tf.cli.summary import Summary, summarize
from deeplab_tf.config.backbone import BACKBONES, BackboneConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config

HEADER = (
    "`--model_variant`",
    "backbone's parameters",
    "channels",
    "output stride",
    "parameters",
    "multiply-adds",
)
IMAGE_SIZE = (513, 513)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
    """One backbone, alone and as a DeepLabv3.

    Attributes:
        config: of the backbone, as it is by default.
        trainable: number of its parameters that training changes.
        channels: of its last features.
        summary: of the DeepLabv3 that research/deeplab builds by default: image
            pooling, a 1x1 convolution and 21 classes.
    """

    config: BackboneConfig
    trainable: int
    channels: int
    summary: Summary


def measure(name: str) -> Variant:
    """Builds a variant and returns its size and cost."""
    model = DeepLabV3Config(backbone=BACKBONES[name])
    backbone = build_backbone(model.backbone, model.backbone_style)
    weights = keras.Model(backbone.input, backbone.features).trainable_weights
    return Variant(
        config=model.backbone,
        trainable=sum(math.prod(weight.shape) for weight in weights),
        channels=backbone.features.shape[-1],
        summary=summarize(model, input_size=IMAGE_SIZE),
    )


def format_variant(variant: Variant) -> str:
    """Returns the line of a variant."""
    return _row(
        f"`{variant.config.variant}`",
        f"{variant.trainable / 1e6:.3f} M",
        f"{variant.channels}",
        f"{variant.config.output_stride}",
        f"{variant.summary.trainable / 1e6:.3f} M",
        f"{variant.summary.multiply_adds / 1e9:.3f}",
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def run() -> None:
    """Prints the table, a line as soon as it is known."""
    print(_row(*HEADER))
    print(_row(*["---"] * len(HEADER)))
    for name in BACKBONES:
        print(format_variant(measure(name)), flush=True)


def main() -> None:
    """The command."""
    reporting.run_main(run)


if __name__ == "__main__":
    main()
