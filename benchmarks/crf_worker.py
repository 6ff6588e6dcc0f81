# Licensed under the Apache License, Version 2.0.
"""One side of the comparison of CRFs; runs in a process of its own.

python -m benchmarks.crf_worker, then one request a line: see `benchmarks.worker`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import worker
from deeplab_tf.config.dense_crf import PRESETS
from deeplab_tf.inference.dense_crf import array_refiner

Task = tuple[Callable[[], Any], dict[str, Any]]


def refine(
    *, case: str, preset: str, backend: str, min_probability: float, marginals: str
) -> Task:
    """From probabilities to marginals, with arrays at both ends.

    Args:
        case: .npz with `probabilities` [1, H, W, C] and `image` [1, H, W, 3].
        preset: of the parameters.
        backend: "tensorflow" or "pydensecrf".
        min_probability: of the configuration.
        marginals: .npy that is written, for the comparison.
    """
    arrays = np.load(case)
    probabilities, image = arrays["probabilities"], arrays["image"]
    config = dataclasses.replace(
        PRESETS[preset], backend=backend, min_probability=min_probability
    )
    run = array_refiner(config)
    np.save(marginals, run(probabilities, image))
    return lambda: run(probabilities, image), {}


def write_case(
    *, photo: str, case: str, saved_model: str | None, num_classes: int
) -> Task:
    """Writes an image and the probabilities that a CRF refines.

    Args:
        photo: .npy with [H, W, 3] uint8.
        case: .npz to write, as `refine` takes it.
        saved_model: an exported network; None draws a few regions with soft borders.
        num_classes: the first of the network's are taken.
    """
    image = np.load(photo)
    if saved_model is None:
        probabilities = _draw_probabilities(*image.shape[:2], num_classes)
    else:
        from deeplab_tf.inference.saved_model_predictor import saved_model_predictor

        predict = saved_model_predictor(saved_model, with_probabilities=True)
        probabilities = np.asarray(predict(image)["probabilities"])[..., :num_classes]
    probabilities = probabilities / probabilities.sum(axis=-1, keepdims=True)
    np.savez(
        case, probabilities=probabilities[None].astype(np.float32), image=image[None]
    )
    return lambda: None, {}


def _draw_probabilities(height: int, width: int, num_classes: int) -> np.ndarray:
    coarse = np.random.default_rng(0).normal(0, 3, (6, 8, num_classes))
    coarse[..., 0] += 3
    channels = [
        Image.fromarray(channel.astype(np.float32)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        for channel in np.moveaxis(coarse, -1, 0)
    ]
    logits = np.stack([np.asarray(channel) for channel in channels], axis=-1)
    return np.exp(logits - logits.max(axis=-1, keepdims=True))


if __name__ == "__main__":
    worker.serve({"refine": refine, "write_case": write_case})
