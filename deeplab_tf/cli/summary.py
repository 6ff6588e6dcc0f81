# Licensed under the Apache License, Version 2.0.
"""Prints the size and the cost of a network: parameters, multiply-adds, shapes."""

import dataclasses
import math

import keras
from absl import flags as absl_flags

from deeplab_tf.cli import flags, model_options, reporting
from deeplab_tf.config.recipe import ModelConfig
from deeplab_tf.layers import multiply_adds
from deeplab_tf.models import build_model
from deeplab_tf.recipes import get_recipe

HEADER = (
    "network",
    "input",
    "output",
    "trainable parameters",
    "all parameters",
    "multiply-adds",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """Size and cost of a network on one image.

    Attributes:
        network: paper and backbone.
        input_size: (height, width) in pixels.
        output_shapes: name of an output -> (height, width, channels).
        trainable: number of parameters that training changes.
        parameters: number of all, moving statistics included.
        multiply_adds: of the convolutions.
    """

    network: str
    input_size: tuple[int, int]
    output_shapes: dict[str, tuple[int, ...]]
    trainable: int
    parameters: int
    multiply_adds: int


def summarize(config: ModelConfig, *, input_size: tuple[int, int]) -> Summary:
    """Builds a network and returns its size and its cost on one image."""
    model = build_model(config)
    image = keras.KerasTensor((1, *input_size, 3), dtype="float32")
    outputs = model.compute_output_spec(image)
    return Summary(
        network=describe(config, name=model.name),
        input_size=input_size,
        output_shapes={name: tuple(x.shape[1:]) for name, x in outputs.items()},
        trainable=sum(math.prod(w.shape) for w in model.trainable_weights),
        parameters=model.count_params(),
        multiply_adds=multiply_adds.count_model(model, image_size=input_size),
    )


def describe(config: ModelConfig, *, name: str) -> str:
    """Returns paper, backbone with its width, and output stride on one line."""
    backbone = config.backbone
    width = getattr(backbone, "depth_multiplier", None)
    parts = [name, backbone.variant]
    if width is not None:
        parts.append(f"x{width:g}")
    return " ".join([*parts, f"os{backbone.output_stride}"])


def format_table(summaries: list[Summary]) -> str:
    """Returns summaries as a table, a line for each network and input size."""
    rows = [HEADER]
    for summary in summaries:
        outputs = (
            f"{name} {_times(shape)}" for name, shape in summary.output_shapes.items()
        )
        rows.append(
            (
                summary.network,
                _times(summary.input_size),
                ", ".join(outputs),
                f"{summary.trainable:,}",
                f"{summary.parameters:,}",
                f"{summary.multiply_adds:,}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i < 3 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def parse_size(text: str) -> tuple[int, int]:
    """Returns (height, width) of "513,513" or "513x513".

    Raises:
        ValueError: the text is no size.
    """
    parts = text.replace("x", ",").split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise ValueError(
            f"--input_size must be a height and a width, as in 513,513, got {text!r}."
        )
    height, width = (int(part) for part in parts)
    if min(height, width) < 1:
        raise ValueError(f"--input_size must be positive, got {text!r}.")
    return height, width


def run() -> None:
    """Prints the table for the networks of the flags."""
    flags.check_unused()
    sizes = [parse_size(text) for text in flags.FLAGS.input_size]
    summaries = [
        summarize(config, input_size=size)
        for config in configurations()
        for size in sizes
    ]
    print(format_table(summaries))


def configurations() -> list[ModelConfig]:
    """Returns the network of each recipe, or the one of the flags.

    Raises:
        ValueError: there is no such recipe, or the flags contradict each other.
    """
    given = flags.given_model_options()
    if flags.is_given("num_classes"):
        given["num_classes"] = flags.FLAGS.num_classes
    if not flags.FLAGS.recipe:
        if flags.FLAGS.set:
            raise ValueError("--set changes a recipe: give --recipe too.")
        return [model_options.build_config(given)]
    recipes = [get_recipe(name) for name in flags.FLAGS.recipe]
    return [
        model_options.change_config(recipe.override(*flags.FLAGS.set).model, given)
        for recipe in recipes
    ]


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.define("model")
    absl_flags.DEFINE_multi_string("recipe", [], "Name of a recipe, repeated.")
    absl_flags.DEFINE_multi_string(
        "set", [], "Field of the recipes to change, a.b=value; repeated."
    )
    absl_flags.DEFINE_integer("num_classes", 21, "Number of classes.")
    absl_flags.DEFINE_multi_string(
        "input_size", ["513,513"], "Height and width of the input, repeated."
    )


def main() -> None:
    """The console script."""
    define_flags()
    reporting.run_main(run)


if __name__ == "__main__":
    main()
