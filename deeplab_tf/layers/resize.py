# Licensed under the Apache License, Version 2.0.
"""Bilinear and nearest resizing in the conventions of the originals."""

import keras
from keras import ops


def scale_dimension(dim, scale: float):
    """Returns the size that a side has on a grid scaled by `scale`.

    Args:
        dim: side in pixels, an int or an integer tensor.
        scale: factor, 1 / output_stride for a feature map.

    Returns:
        int((dim - 1) * scale + 1), as research/deeplab/model.py computes it: an int,
        or an int32 tensor where `dim` is a tensor. That too is computed in float64, as
        Python does: float32 falls short of a pixel for some scales.
    """
    if isinstance(dim, int):
        return int((float(dim) - 1.0) * scale + 1.0)
    return ops.cast((ops.cast(dim, "float64") - 1.0) * scale + 1.0, "int32")


def resize_bilinear(images, size, *, convention: str = "align_corners"):
    """Resizes bilinearly, without smoothing where it makes smaller.

    Args:
        images: [B, H, W, C] of any number type.
        size: (height, width), ints or integer scalars.
        convention: where it samples, as `ConvStyle.resize` tells.

    Returns:
        [B, height, width, C] float32.
    """
    images = ops.cast(images, "float32")
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # The public tf.image.resize has lost this option; the operation has not.
        return tf.raw_ops.ResizeBilinear(
            images=images,
            size=_size_tensor(size),
            align_corners=convention == "align_corners",
            half_pixel_centers=convention == "half_pixel",
        )
    rows = _bilinear_matrix(images.shape[1], size[0], convention)
    columns = _bilinear_matrix(images.shape[2], size[1], convention)
    images = ops.einsum("ih,bhwc->biwc", rows, images)
    return ops.einsum("jw,biwc->bijc", columns, images)


def scale_bilinear(images, scale: float):
    """Resizes bilinearly by a factor, which holds for each distance from the edge.

    Resizing to a size has a slightly other factor where the size was rounded.

    Args:
        images: [B, H, W, C] of any number type.
        scale: factor on height and width.

    Returns:
        [B, int(H * scale), int(W * scale), C] float32, sampled at half-pixel centres.
    """
    height, width = ops.shape(images)[1:3]
    rows, columns = _scaling_matrix(height, scale), _scaling_matrix(width, scale)
    images = ops.einsum("ih,bhwc->biwc", rows, ops.cast(images, "float32"))
    return ops.einsum("jw,biwc->bijc", columns, images)


def floor_dimension(dim, scale: float):
    """Returns int(dim * scale): an int, or an int32 tensor where `dim` is a tensor."""
    if isinstance(dim, int):
        return int(dim * scale)
    return ops.cast(ops.cast(dim, "float64") * scale, "int32")


def resize_nearest(images, size, *, convention: str = "align_corners"):
    """Resizes to the nearest pixel.

    With aligned corners a label map of 8 n + 1 pixels, brought to n + 1, is the pixels
    0, 8, 16, ...: Caffe's subsampling by 8.

    Args:
        images: [B, H, W, C] of any number type.
        size: (height, width), ints or integer scalars.
        convention: where it samples, as `ConvStyle.resize` tells.

    Returns:
        [B, height, width, C] of the type of `images`.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.raw_ops.ResizeNearestNeighbor(
            images=images,
            size=_size_tensor(size),
            align_corners=convention == "align_corners",
            half_pixel_centers=convention == "half_pixel",
        )
    rows = _nearest_indices(images.shape[1], size[0], convention)
    columns = _nearest_indices(images.shape[2], size[1], convention)
    return ops.take(ops.take(images, rows, axis=1), columns, axis=2)


def _size_tensor(size):
    """Returns (height, width) as one int32 tensor."""
    return ops.stack([ops.cast(side, "int32") for side in size])


def _positions(source: int, target: int, convention: str = "align_corners"):
    """Returns where each target pixel lies on the source grid, [target] float32."""
    pixels = ops.arange(target, dtype="float32")
    if convention == "align_corners":
        return pixels * ((source - 1) / (target - 1) if target > 1 else 0.0)
    if convention == "half_pixel":
        positions = (pixels + 0.5) * (source / target) - 0.5
    else:
        positions = pixels * (source / target)
    return ops.clip(positions, 0.0, float(source - 1))


def _bilinear_matrix(source: int, target: int, convention: str):
    """Returns the [target, source] weights of a linear interpolation."""
    distances = ops.abs(
        _positions(source, target, convention)[:, None]
        - ops.arange(source, dtype="float32")
    )
    return ops.maximum(1.0 - distances, 0.0)


def _scaling_matrix(source, scale: float):
    """Returns the [int(source * scale), source] weights of `scale_bilinear`."""
    pixels = ops.cast(ops.arange(floor_dimension(source, scale)), "float32")
    last = ops.cast(source - 1, "float32")
    positions = ops.clip((pixels + 0.5) / scale - 0.5, 0.0, last)
    sources = ops.cast(ops.arange(source), "float32")
    return ops.maximum(1.0 - ops.abs(positions[:, None] - sources), 0.0)


def _nearest_indices(source: int, target: int, convention: str):
    """Returns the [target] source indices; halves round up, as TensorFlow does."""
    if convention == "align_corners":
        positions = _positions(source, target) + 0.5
    else:
        centre = 0.5 if convention == "half_pixel" else 0.0
        pixels = ops.arange(target, dtype="float32")
        positions = (pixels + centre) * (source / target)
    return ops.minimum(ops.cast(ops.floor(positions), "int32"), source - 1)
