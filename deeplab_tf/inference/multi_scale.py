# Licensed under the Apache License, Version 2.0.
"""Prediction averaged over scales and left-right flips of the image."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from deeplab_tf.inference.predictor import Predictor, image_size
from deeplab_tf.layers.resize import resize_bilinear, scale_dimension
from deeplab_tf.structures import Outputs


def multi_scale(
    predict: Predictor, *, scales: Sequence[float], flip: bool = False
) -> Predictor:
    """Averages the probabilities that a predictor gives to several scales.

    Args:
        predict: gives logits on the grid of the image (`semantic`).
        scales: factors on the image size. 1 is the image as it is.
        flip: whether each scale is also predicted mirrored.

    Returns:
        A predictor of `probabilities`, the mean over scales and flips, and `labels`,
        their argmax. The original puts a second softmax on that mean for its output
        `semantic_prob`; here probabilities stay probabilities.

    Reference: research/deeplab/model.py, predict_labels_multi_scale.
    """
    scales = tuple(float(scale) for scale in scales)
    if not scales or min(scales) <= 0:
        raise ValueError(f"scales must be positive and at least one, got {scales}.")
    if predict.logits_stride is None:
        raise ValueError(
            "multi_scale needs a predictor with logits on the grid of the image, such "
            "as predictor(model): wrap it before fit_to_crop and dense_crf, and only "
            "once."
        )
    stride = predict.logits_stride
    functions = {scale: _function_at(predict, scale) for scale in scales}

    def predict_scales(images: tf.Tensor) -> Outputs:
        size = image_size(images)
        total: Any = 0.0
        for scale in scales:
            for logits in _logits(
                functions[scale], images, scale=scale, flip=flip, resize=predict.resize
            ):
                # The original's detour over the larger of both grids: for scales
                # under 1 it shifts the blocks between the logits.
                grid = scaled_size(size, max(1.0, scale) / stride)
                logits = resize_bilinear(logits, grid, convention=predict.resize)
                logits = resize_bilinear(logits, size, convention=predict.resize)
                total += tf.nn.softmax(logits)
        mean = total / (len(scales) * (2 if flip else 1))
        labels = tf.argmax(mean, axis=-1, output_type=tf.int32)
        return Outputs(probabilities=mean, labels=labels)

    return Predictor(function=predict_scales)


def scaled_size(size: tuple[Any, Any], scale: float) -> tuple[Any, Any]:
    """Returns int((side - 1) * scale + 1) of both sides, ints or int32 scalars."""
    return scale_dimension(size[0], scale), scale_dimension(size[1], scale)


def _function_at(predict: Predictor, scale: float) -> Callable[[tf.Tensor], Outputs]:
    """Returns what predicts images of a scale."""
    if predict.function_at_scale is None:
        return predict.function
    return predict.function_at_scale(scale)


def _logits(
    function: Callable[[tf.Tensor], Outputs],
    images: tf.Tensor,
    *,
    scale: float,
    flip: bool,
    resize: str,
) -> Iterator[tf.Tensor]:
    """Yields the logits of the scaled images, and of their mirror image turned back."""
    if scale != 1.0:
        size = scaled_size(image_size(images), scale)
        images = resize_bilinear(images, size, convention=resize)
    yield function(images)["semantic"]
    if flip:
        mirrored = function(tf.reverse(images, axis=[2]))["semantic"]
        yield tf.reverse(mirrored, axis=[2])
