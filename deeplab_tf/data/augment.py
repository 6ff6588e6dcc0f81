# Licensed under the Apache License, Version 2.0.
"""What training and evaluation change in one example before batching.

All resizes keep the corners aligned: bilinear for the image, nearest neighbour for
the labels. Labels are optional throughout. A random function is a function of
(example, seed), the seed being an int32 [2] tensor; without one it is deterministic.

Reference: research/deeplab, input_preprocess.py and core/preprocess_utils.py.
"""

import tensorflow as tf

from deeplab_tf.structures import Example


def resize(example: Example, *, size: tf.Tensor) -> Example:
    """Returns the example at another (height, width); the image becomes float32."""
    # A side of one pixel that is halved stays one pixel.
    size = tf.maximum(size, 1)
    image = tf.raw_ops.ResizeBilinear(
        images=example["image"][tf.newaxis], size=size, align_corners=True
    )
    resized: Example = {**example, "image": image[0]}
    if "labels" in example:
        labels = tf.raw_ops.ResizeNearestNeighbor(
            images=example["labels"][tf.newaxis, :, :, tf.newaxis],
            size=size,
            align_corners=True,
        )
        resized["labels"] = labels[0, :, :, 0]
    return resized


def resize_to_range(
    example: Example,
    *,
    min_size: int,
    max_size: int | None = None,
    factor: int | None = None,
    keep_aspect_ratio: bool = True,
) -> Example:
    """Resizes so that the sides lie within a range.

    Args:
        example: image and labels of any size.
        min_size: the shorter side becomes this long, unless the longer one would
            then pass `max_size`, which it becomes instead.
        max_size: largest side; with a factor, the next smaller multiple plus one.
        factor: sides are rounded up to a multiple of it plus one.
        keep_aspect_ratio: if not, both sides get the length of the longer one.
    """
    shape = tf.shape(example["image"])[:2]
    sides = tf.cast(shape, tf.float32)
    # float32 and floor: 37 * (24 / 37) becomes 23, as in the original.
    size = tf.floor(sides * (tf.constant(min_size, tf.float32) / tf.reduce_min(sides)))
    if max_size is not None:
        if factor is not None:
            max_size -= (max_size - 1) % factor
        limit = tf.constant(max_size, tf.float32)
        smaller = tf.floor(sides * (limit / tf.reduce_max(sides)))
        size = tf.where(tf.reduce_max(size) > limit, smaller, size)
    size = tf.cast(size, tf.int32)
    if factor is not None:
        size += (factor - (size - 1) % factor) % factor
    if not keep_aspect_ratio:
        size = tf.fill([2], tf.reduce_max(size))
    return resize(example, size=size)


def scale(example: Example, *, factor: tf.Tensor | float) -> Example:
    """Resizes both sides to int(side * factor), computed in float32."""
    sides = tf.cast(tf.shape(example["image"])[:2], tf.float32)
    return resize(example, size=tf.cast(sides * factor, tf.int32))


def random_scale(
    example: Example,
    seed: tf.Tensor,
    *,
    min_factor: float,
    max_factor: float,
    step_size: float,
) -> Example:
    """Scales by a random factor.

    Args:
        example: image and labels of any size.
        seed: int32 [2].
        min_factor: smallest factor.
        max_factor: largest factor.
        step_size: distance of the factors that are drawn; 0 draws evenly from all.
    """
    if min_factor == max_factor:
        return scale(example, factor=min_factor)
    if step_size == 0:
        factor = tf.random.stateless_uniform([], seed, min_factor, max_factor)
    else:
        num_factors = int((max_factor - min_factor) / step_size + 1)
        factors = tf.linspace(min_factor, max_factor, num_factors)
        index = tf.random.stateless_uniform([], seed, 0, num_factors, tf.int32)
        factor = factors[index]
    return scale(example, factor=factor)


def pad(
    example: Example,
    *,
    height: tf.Tensor | int,
    width: tf.Tensor | int,
    padding_pixel: tuple[float, float, float],
    ignore_label: int,
    offset_height: int = 0,
    offset_width: int = 0,
) -> Example:
    """Pads an example to a size that is not smaller than its own.

    Args:
        example: image and labels.
        height: of the result.
        width: of the result.
        padding_pixel: RGB in 0..255 of the new pixels.
        ignore_label: label of the new pixels.
        offset_height: new rows above; the others come below.
        offset_width: new columns on the left; the others come on the right.
    """
    shape = tf.shape(example["image"])
    below = height - shape[0] - offset_height
    right = width - shape[1] - offset_width
    image = tf.cast(example["image"], tf.float32)
    color = tf.constant(padding_pixel, tf.float32)
    padded: Example = {
        **example,
        "image": _surround(image, color, offset_height, below, offset_width, right),
    }
    if "labels" in example:
        padded["labels"] = tf.pad(
            example["labels"],
            [[offset_height, below], [offset_width, right]],
            constant_values=ignore_label,
        )
    return padded


def pad_to_crop(
    example: Example,
    *,
    crop_size: tuple[int, int],
    padding_pixel: tuple[float, float, float],
    ignore_label: int,
) -> Example:
    """Pads below and on the right until no side is smaller than the crop's."""
    example = {**example, "image": tf.cast(example["image"], tf.float32)}
    shape = tf.shape(example["image"])

    def padded() -> Example:
        return pad(
            example,
            height=tf.maximum(shape[0], crop_size[0]),
            width=tf.maximum(shape[1], crop_size[1]),
            padding_pixel=padding_pixel,
            ignore_label=ignore_label,
        )

    # Large images, the slow ones, are not copied.
    too_small = tf.reduce_any(shape[:2] < tf.constant(crop_size))
    return tf.cond(too_small, padded, lambda: dict(example))


def crop(
    example: Example,
    *,
    offset_height: tf.Tensor | int,
    offset_width: tf.Tensor | int,
    crop_size: tuple[int, int],
) -> Example:
    """Cuts a part of (height, width) `crop_size` out at an offset."""
    height, width = crop_size
    offset = tf.stack([offset_height, offset_width])
    image = tf.slice(example["image"], tf.concat([offset, [0]], 0), [height, width, 3])
    cropped: Example = {**example, "image": image}
    if "labels" in example:
        cropped["labels"] = tf.slice(example["labels"], offset, [height, width])
    return cropped


def random_crop(
    example: Example, seed: tf.Tensor, *, crop_size: tuple[int, int]
) -> Example:
    """Cuts a part of (height, width) `crop_size` out at a random place."""
    shape = tf.shape(example["image"])
    seeds = tf.random.split(seed, 2)
    rows = shape[0] - crop_size[0] + 1
    columns = shape[1] - crop_size[1] + 1
    return crop(
        example,
        offset_height=tf.random.stateless_uniform([], seeds[0], 0, rows, tf.int32),
        offset_width=tf.random.stateless_uniform([], seeds[1], 0, columns, tf.int32),
        crop_size=crop_size,
    )


def flip(example: Example) -> Example:
    """Mirrors an example: left becomes right."""
    flipped: Example = {**example, "image": tf.reverse(example["image"], [1])}
    if "labels" in example:
        flipped["labels"] = tf.reverse(example["labels"], [1])
    return flipped


def random_flip(example: Example, seed: tf.Tensor, *, probability: float) -> Example:
    """Mirrors an example with a probability."""
    drawn = tf.random.stateless_uniform([], seed)
    return tf.cond(drawn < probability, lambda: flip(example), lambda: dict(example))


def _surround(
    image: tf.Tensor,
    color: tf.Tensor,
    above: tf.Tensor | int,
    below: tf.Tensor | int,
    left: tf.Tensor | int,
    right: tf.Tensor | int,
) -> tf.Tensor:
    """Returns an image with so many rows and columns of a colour around it."""

    def block(height: tf.Tensor | int, width: tf.Tensor | int) -> tf.Tensor:
        return tf.broadcast_to(color, tf.stack([height, width, 3]))

    width = tf.shape(image)[1]
    image = tf.concat([block(above, width), image, block(below, width)], axis=0)
    height = tf.shape(image)[0]
    return tf.concat([block(height, left), image, block(height, right)], axis=1)
