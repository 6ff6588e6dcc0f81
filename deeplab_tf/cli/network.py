# Licensed under the Apache License, Version 2.0.
"""The network of a command: from a checkpoint, its configuration and the flags."""

import contextlib
import dataclasses
import logging
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import keras

from deeplab_tf.checkpoints import readers
from deeplab_tf.checkpoints.conventions import adopt_conventions
from deeplab_tf.checkpoints.importer import ImportReport
from deeplab_tf.checkpoints.load import load_tensors
from deeplab_tf.checkpoints.own_names import STEP
from deeplab_tf.checkpoints.slim_names import LOGITS_BIAS
from deeplab_tf.checkpoints.tensor_reader import TensorReader
from deeplab_tf.checkpoints.tflite_names import OWN
from deeplab_tf.cli import flags, model_options, pretrained_flags
from deeplab_tf.config.recipe import ModelConfig, Recipe
from deeplab_tf.models import build_model
from deeplab_tf.training import checkpointing

log = logging.getLogger(__name__)

# What files call the bias of the classifier.
_CLASSIFIERS = (
    LOGITS_BIAS,
    LOGITS_BIAS.replace("biases", "folded_bias"),
    f"{OWN}logits/folded_bias",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """A network with its weights.

    Attributes:
        model: the network.
        config: what it was built from.
        recipe: the recipe beside the checkpoint, if there is one.
        prefix: path of the checkpoint.
        step: updates that the weights have seen; None where the checkpoint is silent.
        report: what was loaded.
    """

    model: keras.Model
    config: ModelConfig
    recipe: Recipe | None
    prefix: str
    step: int | None
    report: ImportReport


@contextlib.contextmanager
def open_network(
    path: str | os.PathLike,
    *,
    base: ModelConfig | None = None,
    num_classes: int | None = None,
    use_moving_averages: bool | None = None,
    allow_backbone: bool = False,
) -> Iterator[Network]:
    """Builds and loads the network of a checkpoint.

    A flag that was given wins over the configuration beside the checkpoint, that over
    the network of --pretrained and over `base`, and these over the original's defaults.

    Args:
        path: prefix, folder or archive.
        base: configuration of a recipe; None is the original's defaults.
        num_classes: number of classes where no configuration lies beside it; None
            takes those of its classifier.
        use_moving_averages: whether to load the moving averages of the weights; None
            loads them of a run here that kept them.
        allow_backbone: whether a classifier of whole images sets the backbone alone.

    Yields:
        The network; an archive is unpacked only so long.
    """
    with readers.open_checkpoint(path) as reader:
        recipe = None if reader.config is not None else read_recipe(reader.path)
        given: dict[str, Any] = flags.given_model_options()
        if flags.is_given("num_classes"):
            given["num_classes"] = flags.value("num_classes")
        if recipe is not None:
            if recipe.evaluation.output_stride is not None:
                given.setdefault("output_stride", recipe.evaluation.output_stride)
            config = model_options.change_config(
                recipe.model, given, from_checkpoint=True
            )
        elif reader.config is not None:
            config = model_options.change_config(
                reader.config, given, from_checkpoint=True
            )
        else:
            released = pretrained_flags.network()
            if released is not None:
                base, num_classes = released, None
            base = base or _recipe_model()
            if num_classes is None and base is None:
                num_classes = _classifier_classes(reader)
            if num_classes is not None:
                given.setdefault("num_classes", num_classes)
            _check_classifier(reader, given.get("num_classes"))
            if base is not None:
                config = model_options.change_config(
                    base, given, from_checkpoint=released is not None
                )
            else:
                given.setdefault("output_stride", flags.value("output_stride"))
                config = model_options.build_config(given)
            config = adopt_conventions(config, reader)
        config = _without_pyramid(config, recipe)
        model = build_model(config)
        # What was unpacked has a path of its own for a moment only.
        name = os.fspath(path) if os.path.isfile(path) else reader.path
        with pretrained_flags.naming(name):
            report = load_tensors(
                model,
                reader,
                path=name,
                use_moving_averages=use_moving_averages,
                allow_backbone=allow_backbone,
            )
        yield Network(
            model=model,
            config=config,
            recipe=recipe,
            prefix=name,
            step=int(reader[STEP]) if STEP in reader else None,
            report=report,
        )


def _without_pyramid(config: ModelConfig, recipe: Recipe | None) -> ModelConfig:
    """Returns a network that sees one scale where prediction averages several.

    As in the original, whose scales of evaluation take the place of the pyramid. At
    scale 1 the original takes no notice of `--add_flipped_images`; here it averages
    both images of the network without its pyramid.
    """
    from deeplab_tf.cli.prediction_flags import evaluation_from_flags
    from deeplab_tf.inference.build_predictor import is_multi_scale

    names = [
        name for name in ("eval_scales", "inference_scales") if name in flags.FLAGS
    ]
    if config.image_pyramid is None or not names:
        return config
    if not is_multi_scale(evaluation_from_flags(recipe, scales=names[0])):
        return config
    log.info("Scales or flips of the prediction take the place of the image pyramid.")
    return dataclasses.replace(config, image_pyramid=None)


def _recipe_model() -> ModelConfig | None:
    """Returns the network of --recipe, or None where it is not given."""
    if not flags.is_given("recipe"):
        return None
    from deeplab_tf.recipes import get_recipe

    return get_recipe(flags.FLAGS.recipe).model


def _classifier_classes(reader: TensorReader) -> int | None:
    """Returns how many classes a checkpoint's classifier has, if it is known."""
    shapes = (reader.shapes.get(name) for name in _CLASSIFIERS)
    return next((shape[0] for shape in shapes if shape), None)


def _check_classifier(reader: TensorReader, num_classes: Any) -> None:
    """Raises ValueError if the classifier of a checkpoint has other classes."""
    found = _classifier_classes(reader)
    if found and num_classes is not None and found != num_classes:
        raise ValueError(
            f"{reader.path} is a network of {found} classes, and {num_classes} are "
            "expected: name the number of classes, or the data set, that it was "
            "trained for (--num_classes of export_model.py and convert; --dataset and "
            "--dataset_dir of the others)."
        )


def read_recipe(prefix: str) -> Recipe | None:
    """Returns the recipe beside a checkpoint, or None where there is none.

    Raises:
        ValueError: the file is damaged or of another version.
    """
    if not (pathlib.Path(prefix).parent / checkpointing.CONFIG_FILE).is_file():
        return None
    return checkpointing.read_config(prefix)
