# Licensed under the Apache License, Version 2.0.
"""Search for the parameters of a CRF on the predictions of a network."""

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from deeplab_tf.config.crf_search import CRFSearchSpace
from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.evaluation.crf_results import Trial
from deeplab_tf.evaluation.prediction_store import PredictionStore
from deeplab_tf.inference.dense_crf import array_refiner
from deeplab_tf.inference.predictor import Predictor
from deeplab_tf.metrics.confusion_matrix import compute_scores, confusion_matrix
from deeplab_tf.structures import Example

Index = tuple[int, ...]


def store_predictions(
    predict: Predictor,
    batches: Iterable[Example],
    store: PredictionStore,
    *,
    num_classes: int,
    ignore_label: int,
    progress: Callable[[int], None] | None = None,
) -> float:
    """Runs a network once for each image and keeps what it says.

    Args:
        predict: gives `probabilities` and `labels`, without a CRF.
        batches: of examples with labels.
        store: gets images, labels and probabilities.
        num_classes: number of classes.
        ignore_label: label of the pixels that do not count.
        progress: called with the number of images so far, after each batch.

    Returns:
        The mean IoU of the network alone.

    Raises:
        ValueError: there are no examples, or their labels are no classes.
    """
    run = predict.select(["labels", "probabilities"])
    matrix = np.zeros([num_classes, num_classes], np.int64)
    for batch in batches:
        outputs = run(batch["image"])
        labels = np.asarray(batch["labels"])
        matrix += confusion_matrix(
            labels,
            outputs["labels"],
            num_classes=num_classes,
            ignore_label=ignore_label,
        )
        images, probabilities = batch["image"], np.asarray(outputs["probabilities"])
        for parts in zip(images, labels, probabilities, strict=True):
            store.add(*parts)
        if progress is not None:
            progress(len(store))
    if not len(store):
        raise ValueError("There are no examples to tune a CRF on.")
    return compute_scores(matrix).mean_iou


def try_crf(
    config: DenseCRFConfig,
    store: PredictionStore,
    *,
    num_classes: int,
    ignore_label: int,
    progress: Callable[[int], None] | None = None,
) -> Trial:
    """Scores a CRF on stored predictions.

    Args:
        config: of the CRF.
        store: predictions of the network.
        num_classes: number of classes.
        ignore_label: label of the pixels that do not count.
        progress: called with the number of images so far, after each image.
    """
    start_seconds = time.monotonic()
    refine = array_refiner(config)
    matrix = np.zeros([num_classes, num_classes], np.int64)
    for number, (image, labels, probabilities) in enumerate(store, start=1):
        marginals = refine(probabilities[None], image[None])
        matrix += confusion_matrix(
            labels,
            np.argmax(marginals[0], axis=-1),
            num_classes=num_classes,
            ignore_label=ignore_label,
        )
        if progress is not None:
            progress(number)
    return Trial(
        config=config,
        mean_iou=compute_scores(matrix).mean_iou,
        seconds=time.monotonic() - start_seconds,
    )


def search_crf(
    space: CRFSearchSpace,
    score: Callable[[Sequence[DenseCRFConfig]], Sequence[float]],
    *,
    exhaustive: bool = False,
) -> DenseCRFConfig:
    """Returns the best CRF of a grid, from coarse to fine as the papers searched it.

    The first round is the two ends and the middle of each axis. Each further round is
    the neighbourhood of the best so far, at half the distance. The last rounds are at
    distance one, until the best has no better neighbour. How the papers refine, they
    do not say.

    Args:
        space: the grid.
        score: CRFs of a round -> their scores, the higher the better. No CRF comes
            twice.
        exhaustive: whether all CRFs of the grid are scored, in one round.
    """
    scores: dict[Index, float] = {}

    def score_new(indices: Iterable[Index]) -> None:
        new = [index for index in indices if index not in scores]
        if new:
            found = score([space.config(index) for index in new])
            scores.update(zip(new, found, strict=True))

    if exhaustive:
        score_new(itertools.product(*map(range, space.shape)))
        return space.config(_best(scores))
    steps = [max(1, -(-(size - 1) // 2)) for size in space.shape]
    score_new(
        itertools.product(
            *(
                sorted({*range(0, size, step), size - 1})
                for size, step in zip(space.shape, steps, strict=True)
            )
        )
    )
    while True:
        is_finest = max(steps) == 1
        steps = [-(-step // 2) for step in steps]
        count = len(scores)
        score_new(_neighbourhood(_best(scores), steps, space.shape))
        if is_finest and len(scores) == count:
            return space.config(_best(scores))


def _neighbourhood(
    center: Index, steps: Sequence[int], shape: Sequence[int]
) -> Iterable[Index]:
    """Returns the places of the grid at 0 or one step from a centre along each axis."""
    return itertools.product(
        *(
            [i for i in (place - step, place, place + step) if 0 <= i < size]
            for place, step, size in zip(center, steps, shape, strict=True)
        )
    )


def _best(scores: Mapping[Index, float]) -> Index:
    """Returns the place of the highest score; of equal ones that which came first."""
    return max(scores, key=lambda index: scores[index])
