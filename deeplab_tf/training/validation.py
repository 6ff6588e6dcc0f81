# Licensed under the Apache License, Version 2.0.
"""Validation while a network is trained: scores and pictures of a split."""

import itertools
from collections.abc import Callable, Iterable

import keras
import numpy as np

from deeplab_tf import models
from deeplab_tf.config.recipe import ModelConfig, Recipe, rescale_rates
from deeplab_tf.data import pipeline
from deeplab_tf.data.catalog import DatasetInfo
from deeplab_tf.data.sources import Source
from deeplab_tf.evaluation.evaluate import evaluate
from deeplab_tf.evaluation.report import Report
from deeplab_tf.inference.fit_to_crop import fit_to_crop
from deeplab_tf.inference.predictor import predictor
from deeplab_tf.training.moving_average import MovingAverage
from deeplab_tf.visualization import overlay, palettes


class _StoppedError(Exception):
    """The validation was stopped between two images."""


class Validation:
    """Evaluates a network as its recipe says, at one scale and without flips.

    Args:
        model: the network that is trained.
        recipe: data and evaluation of it.
        info: classes, palette and ignore label.
        source: examples of the validation split.
        moving_average: the averages of the weights, which are then scored in the
            place of the weights.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        recipe: Recipe,
        info: DatasetInfo,
        source: Source,
        moving_average: MovingAverage | None = None,
    ):
        self._model = model
        self._moving_average = moving_average
        self._recipe = recipe
        self._info = info
        self._source = source
        config = evaluation_model_config(recipe)
        # Another output stride is another graph over the same variables; the averages
        # need variables of their own.
        same = config.backbone.output_stride == recipe.model.backbone.output_stride
        same = same and moving_average is None
        self._network = model if same else models.build_model(config)
        fitted = fit_to_crop(
            predictor(
                self._network,
                logits_stride=config.logits_stride,
                resize=config.head_style.resize,
            ),
            crop_size=recipe.evaluation.crop_size,
            padding_pixel=config.backbone.padding_pixel,
            pad_to_crop=recipe.evaluation.pad_to_crop,
        )
        self._predict = fitted.select(["labels"])

    def evaluate(
        self, *, is_stopped: Callable[[], bool] = lambda: False
    ) -> Report | None:
        """Returns the scores of the validation split with the present weights.

        Args:
            is_stopped: asked after each image; once it is true, the result is None.
        """
        self._copy_weights()

        def check(num_images: int) -> None:
            if is_stopped():
                raise _StoppedError

        try:
            return evaluate(
                # A plain function: a Predictor would be traced anew each time.
                self._predict.__call__,
                self._examples(),
                num_classes=self._recipe.model.num_classes,
                ignore_label=self._info.ignore_label,
                class_names=tuple(self._info.classes),
                max_examples=self._recipe.train.max_eval_examples,
                progress=check,
            )
        except _StoppedError:
            return None

    def panels(self, num_images: int) -> list[np.ndarray]:
        """Returns pictures image | labels | prediction of the first examples."""
        self._copy_weights()
        ignore_label = self._info.ignore_label
        pictures = []
        for example in itertools.islice(self._examples(), num_images):
            predicted = np.asarray(self._predict(example["image"])["labels"])
            maps = [
                palettes.color_labels(
                    labels, self._info.palette, ignore_label=ignore_label
                )
                for labels in (np.asarray(example["labels"]), predicted)
            ]
            image = overlay.to_uint8(example["image"])
            pictures.append(np.concatenate([image, *maps], axis=1))
        return pictures

    def _examples(self) -> Iterable:
        """Returns the examples of the split, in order."""
        return pipeline.eval_dataset(self._source, self._recipe.data)

    def _copy_weights(self) -> None:
        """Brings the weights, or their averages, to a network of their own, if any."""
        if self._moving_average is not None:
            self._network.set_weights(self._moving_average.values())
        elif self._network is not self._model:
            self._network.set_weights(self._model.get_weights())


def evaluation_model_config(recipe: Recipe) -> ModelConfig:
    """Returns the network's configuration at the output stride of the evaluation."""
    stride = recipe.evaluation.output_stride
    if stride is None or stride == recipe.model.backbone.output_stride:
        return recipe.model
    return rescale_rates(recipe.model, stride)
