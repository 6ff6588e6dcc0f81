# Licensed under the Apache License, Version 2.0.
"""A recipe: all the numbers of a published result, and where they come from."""

import dataclasses
import logging
import types
import typing
from typing import Any

from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v1 import DeepLabV1Config
from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.train import TrainConfig
from deeplab_tf.config.vgg import VGGConfig

log = logging.getLogger(__name__)

ModelConfig = DeepLabV1Config | DeepLabV2Config | DeepLabV3Config | DeepLabV3PlusConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network with its data, training and evaluation.

    Attributes:
        name: `<model>_<backbone>_<dataset>`.
        source: the paper's table or the original script that the numbers come from.
        expected: the metric that the source reports, in words.
        model: configuration of the network.
        data: configuration of the data.
        train: configuration of the training.
        evaluation: configuration of prediction and evaluation.
    """

    name: str
    source: str = ""
    expected: str = ""
    model: ModelConfig
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    def override(self, *assignments: str, keep_rates: bool = False) -> "Recipe":
        """Returns a recipe with fields changed by text.

        Args:
            *assignments: "a.b=value"; the value is read as the type of the field:
                `none`, `true`, `1.5`, `6,12,18`.
            keep_rates: whether atrous rates stay when the output stride changes, as
                they do where they are assigned too.

        Raises:
            ValueError: a field does not exist or a value is not of its type; the
                message names the fields or the type.
        """
        recipe = self
        rates_given = keep_rates or any(
            a.split("=")[0].strip().endswith(("atrous_rates", "fc6_rate"))
            for a in assignments
        )
        for assignment in assignments:
            path, separator, text = assignment.partition("=")
            if not separator:
                raise ValueError(f"Expected 'a.b=value', got {assignment!r}.")
            before = recipe.model
            recipe = _replace_path(recipe, path.strip().split("."), text.strip(), path)
            if path.strip() == "model.backbone.output_stride" and not rates_given:
                stride = recipe.model.backbone.output_stride
                changed = change_output_stride(before, stride)
                recipe = dataclasses.replace(recipe, model=changed)
        return recipe


def rescale_rates(model: ModelConfig, output_stride: int) -> ModelConfig:
    """Returns the configuration at another output stride, atrous rates with it.

    6, 12, 18 at stride 16 become 12, 24, 36 at stride 8, so that a branch sees the
    same part of the image (DeepLabv3, arXiv:1706.05587, section 3.3).
    """
    old = model.backbone.output_stride

    def rescale(rate: int) -> int:
        return max(1, rate * old // output_stride)

    backbone = dataclasses.replace(model.backbone, output_stride=output_stride)
    if isinstance(backbone, VGGConfig) and backbone.fc6_rate is not None:
        backbone = dataclasses.replace(backbone, fc6_rate=rescale(backbone.fc6_rate))
    changes: dict[str, Any] = {"backbone": backbone}
    for name, part in _parts_with_rates(model).items():
        rates = tuple(rescale(rate) for rate in part.atrous_rates)
        changes[name] = dataclasses.replace(part, atrous_rates=rates)
    return dataclasses.replace(model, **changes)


def _parts_with_rates(model: ModelConfig) -> dict[str, Any]:
    """Returns the parts of a network that have atrous rates of their own, by field.

    Those of a dense prediction cell are not among them: its layer multiplies them.
    """
    parts = {name: getattr(model, name, None) for name in ("aspp", "classifier")}
    return {n: part for n, part in parts.items() if getattr(part, "atrous_rates", ())}


def change_output_stride(model: ModelConfig, output_stride: int) -> ModelConfig:
    """Does what `rescale_rates` does, and logs what became of the rates."""
    changed = rescale_rates(model, output_stride)
    before = _parts_with_rates(model)
    for name, part in _parts_with_rates(changed).items():
        if part != before[name]:
            log.info(
                "Output stride %d instead of %d: atrous rates become %s.",
                output_stride,
                model.backbone.output_stride,
                part.atrous_rates,
            )
    old_rate, rate = (getattr(m.backbone, "fc6_rate", None) for m in (model, changed))
    if rate != old_rate:
        log.info(
            "Output stride %d instead of %d: the rate of fc6 becomes %d.",
            output_stride,
            model.backbone.output_stride,
            rate,
        )
    return changed


def _replace_path(config: Any, path: list[str], text: str, whole: str) -> Any:
    """Returns `config` with the field at `path` set from `text`."""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise ValueError(
            f"Cannot set {whole}: what stands before .{path[0]} has no fields."
        )
    fields = {field.name: field for field in dataclasses.fields(config)}
    if path[0] not in fields:
        raise ValueError(
            f"Unknown field {path[0]!r} in {whole}={text}; "
            f"{type(config).__name__} has {', '.join(fields)}."
        )
    if len(path) > 1:
        value = _replace_path(getattr(config, path[0]), path[1:], text, whole)
    else:
        hint = typing.get_type_hints(type(config))[path[0]]
        value = parse_value(text, hint, whole)
    return dataclasses.replace(config, **{path[0]: value})


def parse_value(text: str, hint: Any, name: str) -> Any:
    """Reads `text` as the type that a field declares.

    Args:
        text: the value as written on a command line.
        hint: a type: str, int, float, bool, a tuple of these, or a union with None.
        name: the field, for the message.

    Raises:
        ValueError: the text is no such value.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if type(None) in args and text.lower() in ("none", ""):
            return None
        hints = [arg for arg in args if arg is not type(None)]
        if len(hints) == 1:
            return parse_value(text, hints[0], name)
        raise ValueError(f"{name} is a whole configuration: set its fields instead.")
    if origin is tuple:
        parts = [part for part in text.strip("()[] ").split(",") if part.strip()]
        if args[-1] is not Ellipsis and len(parts) != len(args):
            raise ValueError(f"{name} takes {len(args)} values, got {text!r}.")
        return tuple(parse_value(part.strip(), args[0], name) for part in parts)
    if hint is bool:
        if text.lower() in ("true", "1", "yes"):
            return True
        if text.lower() in ("false", "0", "no"):
            return False
        raise ValueError(f"{name} must be true or false, got {text!r}.")
    if hint in (int, float, str):
        try:
            return hint(text)
        except ValueError as error:
            raise ValueError(
                f"{name} must be of type {hint.__name__}, got {text!r}."
            ) from error
    raise ValueError(f"{name} cannot be set from text: set the fields below it.")
