# Licensed under the Apache License, Version 2.0.
"""Prediction of images of any size as the original does it: resize, pad, slice back."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deeplab_tf.inference.predictor import Predictor, image_size
from deeplab_tf.layers import resize
from deeplab_tf.structures import Outputs


def fit_to_crop(
    predict: Predictor,
    *,
    crop_size: tuple[int, int],
    padding_pixel: Sequence[float],
    pad_to_crop: bool = True,
    min_resize_value: int | None = None,
    max_resize_value: int | None = None,
    resize_factor: int | None = None,
    keep_aspect_ratio: bool = True,
) -> Predictor:
    """Resizes and pads images for a predictor and brings its outputs back.

    Labels come back to the image size by nearest neighbour, probabilities
    bilinearly. `semantic` stays as the predictor returns it: on the grid of the
    padded image.

    Args:
        predict: predictor of the padded images.
        crop_size: (height, width) to which smaller images are padded, at the bottom
            and right. Larger images run whole.
        padding_pixel: RGB in 0..255 of the padding, the mean pixel of the network.
        pad_to_crop: whether images are padded.
        min_resize_value: see `resize_to_range_size`; None: no resizing.
        max_resize_value: see `resize_to_range_size`.
        resize_factor: see `resize_to_range_size`.
        keep_aspect_ratio: see `resize_to_range_size`.

    Reference: research/deeplab/export_model.py, main, and input_preprocess.py.
    """
    if min_resize_value is None and max_resize_value is not None:
        raise ValueError(
            f"max_resize_value={max_resize_value} needs min_resize_value too."
        )

    def predict_fitted(images: tf.Tensor) -> Outputs:
        size = image_size(images)
        inner_size = size
        if min_resize_value is not None:
            inner_size = resize_to_range_size(
                *size,
                min_size=min_resize_value,
                max_size=max_resize_value,
                factor=resize_factor,
                keep_aspect_ratio=keep_aspect_ratio,
            )
            images = resize.resize_bilinear(images, inner_size)
        if pad_to_crop:
            images = pad_to_size(images, crop_size, padding_pixel=padding_pixel)
        outputs = predict.function(images)
        if pad_to_crop:
            outputs = _slice(outputs, inner_size)
        if min_resize_value is not None:
            outputs = _resize_back(outputs, size)
        return outputs

    return Predictor(function=predict_fitted)


def resize_to_range_size(
    height: Any,
    width: Any,
    *,
    min_size: int,
    max_size: int | None = None,
    factor: int | None = None,
    keep_aspect_ratio: bool = True,
) -> tuple[Any, Any]:
    """Returns the (height, width) that an image is resized to.

    The shorter side becomes `min_size`, unless the longer one would pass `max_size`:
    then that one becomes `max_size`. In float32 with floor, as the original: 37 *
    (24 / 37) is 23.

    Args:
        height: height of the image, an int or an integer scalar.
        width: width of the image, likewise.
        min_size: wished size of the shorter side.
        max_size: limit of the longer side; with a factor, its largest multiple plus
            one that does not pass it.
        factor: sides grow to a multiple of it plus one.
        keep_aspect_ratio: if not, both sides become the larger of the two.

    Returns:
        Two ints where height and width are ints, else two int32 scalars.

    Reference: research/deeplab/core/preprocess_utils.py, resize_to_range.
    """
    limit = max_size
    if max_size is not None and factor is not None:
        limit = max_size - (max_size - 1) % factor

    def compute() -> tf.Tensor:
        sides = tf.cast(tf.stack([height, width]), tf.float32)
        size = _scale_sides(sides, float(min_size) / tf.reduce_min(sides))
        if limit is not None:
            limited = _scale_sides(sides, float(limit) / tf.reduce_max(sides))
            size = tf.where(tf.reduce_max(size) > limit, limited, size)
        if factor is not None:
            size += (factor - (size - 1) % factor) % factor
        return size if keep_aspect_ratio else tf.fill([2], tf.reduce_max(size))

    if isinstance(height, int) and isinstance(width, int):
        with tf.init_scope():
            resized = compute().numpy()
        return int(resized[0]), int(resized[1])
    resized = compute()
    return resized[0], resized[1]


def _scale_sides(sides: tf.Tensor, ratio: tf.Tensor) -> tf.Tensor:
    """Returns [2] int32, the floor of two float32 sides times a float32 ratio."""
    return tf.cast(tf.floor(sides * ratio), tf.int32)


def pad_to_size(
    images: tf.Tensor, size: tuple[int, int], *, padding_pixel: Sequence[float]
) -> tf.Tensor:
    """Pads images at the bottom and right; sides that are larger stay as they are.

    Args:
        images: [B, H, W, 3] float32.
        size: (height, width) of the least result.
        padding_pixel: RGB of the padding.
    """
    sides = image_size(images)
    missing = [
        max(goal - side, 0) if isinstance(side, int) else tf.maximum(goal - side, 0)
        for side, goal in zip(sides, size, strict=True)
    ]
    if all(isinstance(pixels, int) and pixels == 0 for pixels in missing):
        return images
    paddings = [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]]
    # Outside is 1 on the padding: images pass unchanged, whatever the pixel.
    outside = tf.pad(tf.zeros_like(images[:1, :, :, :1]), paddings, constant_values=1)
    pixel = tf.constant(padding_pixel, images.dtype)
    return tf.pad(images, paddings) + outside * pixel


def _slice(outputs: Outputs, size: tuple[Any, Any]) -> Outputs:
    """Returns Outputs with labels and probabilities without the padding."""
    sliced = outputs.copy()
    if "labels" in outputs:
        sliced["labels"] = outputs["labels"][:, : size[0], : size[1]]
    if "probabilities" in outputs:
        sliced["probabilities"] = outputs["probabilities"][:, : size[0], : size[1]]
    return sliced


def _resize_back(outputs: Outputs, size: tuple[Any, Any]) -> Outputs:
    """Returns Outputs with labels and probabilities at the image's size."""
    resized = outputs.copy()
    if "labels" in outputs:
        labels = outputs["labels"][..., None]
        resized["labels"] = resize.resize_nearest(labels, size)[..., 0]
    if "probabilities" in outputs:
        probabilities = outputs["probabilities"]
        resized["probabilities"] = resize.resize_bilinear(probabilities, size)
    return resized
