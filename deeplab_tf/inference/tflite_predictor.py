# Licensed under the Apache License, Version 2.0.
"""TFLite files as predictors of images of any size."""

import os
import pathlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplab_tf.inference.predictor import Predictor, host_predictor
from deeplab_tf.inference.saved_model_predictor import to_uint8
from deeplab_tf.layers import resize
from deeplab_tf.structures import Outputs

# Bytes 4 to 8 of every TFLite file.
_FILE_MARK = b"TFL3"


def tflite_predictor(
    path: str | os.PathLike[str],
    *,
    padding_pixel: Sequence[float] = (127.5, 127.5, 127.5),
) -> Predictor:
    """Returns the predictor of a TFLite file, which takes one size of images.

    Smaller images are padded at the bottom and right and their labels cut back. Larger
    ones are made smaller until they fit, with their ratio of sides, and their labels
    brought back to the nearest: fine detail is lost. `sliding_window` with tiles of the
    file's size keeps it.

    Pixels reach a uint8 file as they are, an int8 one less 128, and a float32 one as
    pixel / 127.5 - 1: the usual scaling of such files, which do not say theirs.

    Args:
        path: a file with one input [1, H, W, 3] and one output, which is labels
            [1, H, W] or scores [1, h, w, C], whose argmax is taken at H x W.
        padding_pixel: RGB in 0..255 of the padding.

    Raises:
        ValueError: it is no TFLite file, or one of other inputs or outputs.
    """
    interpreter = open_interpreter(path=path)
    size = _input_size(interpreter, path=path)
    run_crop = _crop_function(interpreter, size, path=path)

    def run_image(image: np.ndarray) -> np.ndarray:
        fitted = _fit(image, size)
        crop = np.empty([*size, 3], np.float32)
        crop[:] = padding_pixel
        crop[: fitted.shape[0], : fitted.shape[1]] = fitted
        labels = run_crop(crop)[: fitted.shape[0], : fitted.shape[1]]
        return labels if labels.shape == image.shape[:2] else _enlarge(labels, image)

    def run(images: np.ndarray) -> Outputs:
        return Outputs(labels=np.stack([run_image(image) for image in images]))

    return host_predictor(run, dtypes={"labels": tf.int32})


def open_interpreter(
    *,
    path: str | os.PathLike[str] | None = None,
    content: bytes | None = None,
    resolver: Any = tf.lite.experimental.OpResolverType.AUTO,
) -> Any:
    """Returns TensorFlow's interpreter of a TFLite file, with its tensors allocated.

    Args:
        path: the file.
        content: its bytes, in place of the path.
        resolver: which delegates it may use.

    Raises:
        ValueError: it is no TFLite file.
        OSError: it cannot be read.
    """
    if content is None:
        assert path is not None
        content = pathlib.Path(path).read_bytes()
    if content[4:8] != _FILE_MARK:
        raise ValueError(
            f"{path or 'The content'} is no TFLite file: it begins with "
            f"{bytes(content[:8])!r}. Get it again, or give the file that was exported."
        )
    with warnings.catch_warnings():
        # TensorFlow announces that it will give this class to another package.
        warnings.simplefilter("ignore")
        try:
            interpreter = tf.lite.Interpreter(
                model_content=content,
                experimental_op_resolver_type=resolver,
                num_threads=os.cpu_count(),
            )
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"{path or 'The content'} cannot be run as a TFLite file: {error} It "
                "may be cut short: get it again."
            ) from error
    return interpreter


def input_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Returns the (height, width) of the images that a TFLite file takes.

    Raises:
        ValueError: it is no TFLite file, or takes something else.
    """
    return _input_size(open_interpreter(path=path), path=path)


def _input_size(interpreter: Any, *, path: str | os.PathLike[str]) -> tuple[int, int]:
    """Returns the (height, width) that an interpreter takes."""
    inputs = interpreter.get_input_details()
    outputs = interpreter.get_output_details()
    shape = inputs[0]["shape"].tolist()
    ranks = [len(output["shape"]) for output in outputs]
    if len(inputs) != 1 or len(shape) != 4 or shape[::3] != [1, 3] or ranks[1:]:
        raise ValueError(
            f"{path} was expected to take one image [1, height, width, 3] and to give "
            f"one map of labels or scores; it takes {len(inputs)} tensors, the first "
            f"of shape {shape}, and gives {len(outputs)}."
        )
    return shape[1], shape[2]


def _crop_function(
    interpreter: Any, size: tuple[int, int], *, path: str | os.PathLike[str]
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from a crop [H, W, 3] in 0..255 to its labels [H, W]."""
    (source,) = interpreter.get_input_details()
    (target,) = interpreter.get_output_details()
    encode = {
        np.uint8: to_uint8,
        np.int8: lambda crop: (to_uint8(crop).astype(np.int16) - 128).astype(np.int8),
        np.float32: lambda crop: (crop / 127.5 - 1.0).astype(np.float32),
    }.get(source["dtype"])
    if encode is None:
        raise ValueError(
            f"{path} takes {source['dtype'].__name__}, and uint8, int8 or float32 was "
            "expected."
        )

    def run(crop: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source["index"], encode(crop)[None])
        interpreter.invoke()
        found = interpreter.get_tensor(target["index"])
        if found.ndim == 4 and found.shape[-1] > 1:
            # A quantised score grows with its number: no need to scale it back.
            found = np.argmax(resize.resize_bilinear(found, size), axis=-1)
        labels = found.reshape(found.shape[:3])[0].astype(np.int32)
        if labels.shape != size:
            raise ValueError(f"{path} gives labels {labels.shape} of images {size}.")
        return labels

    return run


def _fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns an image made smaller, if it must, so that it fits into a size."""
    ratio = min(goal / side for goal, side in zip(size, image.shape, strict=False))
    if ratio >= 1:
        return image
    smaller = [max(1, round(side * ratio)) for side in image.shape[:2]]
    # Not with aligned corners, as elsewhere: at a tenth of the size that would look at
    # few of the pixels, and antialiasing looks at all.
    return tf.image.resize(image, smaller, antialias=True).numpy()


def _enlarge(labels: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Returns labels at the size of an image, each pixel's from the nearest."""
    rows, columns = (
        ((np.arange(side) + 0.5) * small / side).astype(np.int64)
        for small, side in zip(labels.shape, image.shape[:2], strict=True)
    )
    return labels[rows[:, None], columns]
