# Licensed under the Apache License, Version 2.0.
"""Prediction refined by a fully connected CRF."""

import functools
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import tensorflow as tf

from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.inference.mean_field import mean_field
from deeplab_tf.inference.predictor import Predictor, host_predictor
from deeplab_tf.inference.pydensecrf_backend import (
    import_pydensecrf,
    pydensecrf_mean_field,
)
from deeplab_tf.structures import Outputs

# Where pydensecrf's own unary_from_softmax clips: no pixel excludes a class for good.
_LEAST_PROBABILITY = 1e-5


def dense_crf(predict: Predictor, config: DenseCRFConfig) -> Predictor:
    """Refines the probabilities of a predictor by a fully connected CRF.

    The CRF compares the pixels of the image that it is given. Put it around
    `fit_to_crop` and `sliding_window`, not inside: then it sees the image at its own
    size, no padding, and no border of a tile.

    Args:
        predict: gives `probabilities` at the size of the image.
        config: of the CRF. With the backend pydensecrf the result runs as
            `host_predictor` says, and cannot be exported.

    Returns:
        A predictor of `probabilities`, the marginals of the CRF, and `labels`, their
        argmax. `semantic` stays as the predictor returns it: logits without the CRF.

    Raises:
        ValueError: the backend is not installed.

    Reference: DeepLab v1 (arXiv:1412.7062), section 4.2; Kraehenbuehl and Koltun
    (arXiv:1210.5644).
    """
    if config.backend == "pydensecrf" or predict.host_function is not None:
        return _on_host(predict, config)

    def predict_refined(images: tf.Tensor) -> Outputs:
        outputs = predict.function(images)
        probabilities = _probabilities(outputs)
        if probabilities.shape[-1] is None:
            # They come from a function of arrays, and so nothing can export this.
            marginals = tf.numpy_function(
                array_refiner(config), [probabilities, images], tf.float32
            )
            marginals = tf.ensure_shape(marginals, probabilities.shape)
        else:
            marginals = refine(probabilities, images, config)
        refined = outputs.copy()
        refined["probabilities"] = marginals
        refined["labels"] = tf.argmax(marginals, axis=-1, output_type=tf.int32)
        return refined

    return Predictor(function=predict_refined)


def refine(
    probabilities: tf.Tensor, images: tf.Tensor, config: DenseCRFConfig
) -> tf.Tensor:
    """Returns the marginals of a CRF whose unaries come from probabilities.

    Args:
        probabilities: [B, H, W, C] float32 with a known number of classes.
        images: [B, H, W, 3] float32 RGB in 0..255.
        config: of the CRF, with the backend tensorflow.
    """
    clipped = tf.clip_by_value(probabilities, _LEAST_PROBABILITY, 1.0)
    return mean_field(-tf.math.log(clipped), images, config)


def array_refiner(
    config: DenseCRFConfig,
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Returns what `refine` does, with either backend, as a function of arrays.

    Raises:
        ValueError: the backend is not installed.
    """
    if config.backend == "pydensecrf":
        import_pydensecrf()
        return lambda probabilities, images: pydensecrf_mean_field(
            -np.log(np.clip(probabilities, _LEAST_PROBABILITY, 1.0)), images, config
        )

    @functools.cache
    def graph(num_classes: int) -> Any:
        size = [None, None, None]
        function = tf.function(
            lambda probabilities, images: refine(probabilities, images, config),
            autograph=False,
        )
        # Of many refiners, TensorFlow would take one function traced again and again.
        return function.get_concrete_function(
            tf.TensorSpec([*size, num_classes], tf.float32),
            tf.TensorSpec([*size, 3], tf.float32),
        )

    def run(probabilities: np.ndarray, images: np.ndarray) -> np.ndarray:
        found = graph(probabilities.shape[-1])(
            tf.constant(probabilities.astype(np.float32)),
            tf.constant(images.astype(np.float32)),
        )
        return np.asarray(found)

    return run


def _on_host(predict: Predictor, config: DenseCRFConfig) -> Predictor:
    """Returns the refined predictor of a backend, or a predictor, of arrays."""
    run_refine = array_refiner(config)

    def run(images: np.ndarray) -> Outputs:
        found = _probabilities(predict(images))
        probabilities = run_refine(np.asarray(found), images)
        labels = np.argmax(probabilities, axis=-1).astype(np.int32)
        return Outputs(probabilities=probabilities, labels=labels)

    return host_predictor(run, dtypes={"labels": tf.int32, "probabilities": tf.float32})


def _probabilities(outputs: Outputs) -> Any:
    """Returns the probabilities of Outputs.

    Raises:
        ValueError: there are none.
    """
    if "probabilities" not in outputs:
        names = ", ".join(sorted(cast(dict[str, Any], outputs)))
        raise ValueError(
            f"A CRF refines probabilities, and this predictor gives {names} alone: "
            "take a network, or a SavedModel with the signature of probabilities."
        )
    return outputs["probabilities"]
