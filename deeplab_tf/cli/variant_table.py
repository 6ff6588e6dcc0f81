# Licensed under the Apache License, Version 2.0.
"""Prints networks with their size and cost as Markdown.

`python -m deeplab_tf.cli.variant_table` prints all backbones, the table of
g3doc/model_zoo.md; with `--table=papers` the networks of DeepLab v1 and v2, that of
g3doc/networks.md.
"""

import dataclasses
import math
from collections.abc import Mapping

import keras
from absl import flags as absl_flags

from deeplab_tf.backbones import build_backbone
from deeplab_tf.cli import reporting
from deeplab_tf.cli.summary import Summary, summarize
from deeplab_tf.config.backbone import BACKBONES, BackboneConfig
from deeplab_tf.config.deeplab_v1 import VARIANTS as DEEPLAB_V1
from deeplab_tf.config.deeplab_v2 import VARIANTS as DEEPLAB_V2
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.recipe import ModelConfig

HEADER = (
    "`--model_variant`",
    "backbone's parameters",
    "channels",
    "output stride",
    "parameters",
    "multiply-adds",
)
IMAGE_SIZE = (513, 513)

PAPERS_HEADER = ("network", "configuration", "parameters", "published", "multiply-adds")
# Module of `deeplab_tf.config` -> its networks.
PAPERS: dict[str, Mapping[str, ModelConfig]] = {
    "deeplab_v1": DEEPLAB_V1,
    "deeplab_v2": DEEPLAB_V2,
}
# The crop with which both papers train.
CROP_SIZE = (321, 321)
# arXiv:1412.7062, table 2.
PUBLISHED_PARAMETERS = {
    "DeepLab": "65.1 M",
    "DeepLab-4x4": "65.1 M",
    "DeepLab-7x7": "134.3 M",
    "DeepLab-LargeFOV": "20.5 M",
}


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


def describe_network(module: str, name: str) -> str:
    """Returns the line of a paper's network; its multiply-adds are of a crop."""
    summary = summarize(PAPERS[module][name], input_size=CROP_SIZE)
    return _row(
        name,
        f"`{module}.VARIANTS`",
        f"{summary.trainable / 1e6:.3f} M",
        PUBLISHED_PARAMETERS.get(name, ""),
        f"{summary.multiply_adds / 1e9:.3f}",
    )


def run() -> None:
    """Prints the table, a line as soon as it is known."""
    is_papers = absl_flags.FLAGS.table == "papers"
    header = PAPERS_HEADER if is_papers else HEADER
    print(_row(*header))
    print(_row(*["---"] * len(header)))
    if is_papers:
        for module, variants in PAPERS.items():
            for name in variants:
                print(describe_network(module, name), flush=True)
        return
    for name in BACKBONES:
        print(format_variant(measure(name)), flush=True)


def main() -> None:
    """The command."""
    absl_flags.DEFINE_enum(
        "table", "backbones", ["backbones", "papers"], "Which networks are printed."
    )
    reporting.run_main(run)


if __name__ == "__main__":
    main()
