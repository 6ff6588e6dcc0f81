# Licensed under the Apache License, Version 2.0.
"""Evaluation of a predictor on the data of a recipe."""

import os
from collections.abc import Callable

from deeplab_tf.config.recipe import Recipe
from deeplab_tf.data import dataset_json, pipeline, sources
from deeplab_tf.evaluation.evaluate import evaluate
from deeplab_tf.evaluation.report import Report
from deeplab_tf.inference.dense_crf import dense_crf
from deeplab_tf.inference.fit_to_crop import fit_to_crop
from deeplab_tf.inference.predictor import Predictor
from deeplab_tf.metrics.boundary_iou import BoundaryIoU
from deeplab_tf.metrics.trimap import Trimap


def evaluate_recipe(
    recipe: Recipe,
    predict: Predictor,
    *,
    data_dir: str | os.PathLike | None = None,
    split: str | None = None,
    max_examples: int = 0,
    progress: Callable[[int], None] | None = None,
    trimap: Trimap | None = None,
    boundary_iou: BoundaryIoU | None = None,
) -> Report:
    """Scores a predictor on a split, as the recipe says it is done.

    Args:
        recipe: says data set, split, resizing, crop and CRF.
        predict: of a network, with its scales and flips; the padding to the crop and
            the CRF of the recipe are added here.
        data_dir: folder of the records; None for a data set that is drawn.
        split: None is the recipe's.
        max_examples: 0 takes all.
        progress: called with the number of images so far.
        trimap: bands around boundaries in which scores are taken too.
        boundary_iou: asks for the IoU of the contours too.

    Raises:
        ValueError: there are no such records, or their labels are not valid.
    """
    info = dataset_json.load_dataset_info(data_dir, default_name=recipe.data.dataset)
    split = split or recipe.data.eval_split
    source = sources.open_source(data_dir, split=split, info=info)
    if not source.has_labels:
        raise ValueError(f"Evaluation needs labels, and {source.name} has none.")
    fitted = fit_to_crop(
        predict,
        crop_size=recipe.evaluation.crop_size,
        padding_pixel=recipe.model.backbone.padding_pixel,
        pad_to_crop=recipe.evaluation.pad_to_crop,
    )
    if recipe.evaluation.crf is not None:
        fitted = dense_crf(fitted, recipe.evaluation.crf)
    return evaluate(
        fitted,
        pipeline.eval_dataset(source, recipe.data),
        num_classes=info.num_classes,
        ignore_label=info.ignore_label,
        class_names=info.classes,
        max_examples=max_examples,
        progress=progress,
        details={"recipe": recipe.name, "dataset": info.name, "split": split},
        trimap=trimap,
        boundary_iou=boundary_iou,
    )
