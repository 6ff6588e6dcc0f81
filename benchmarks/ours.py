# Licensed under the Apache License, Version 2.0.
"""Our side of the comparisons; runs in a process of its own, in `.venv`.

python -m benchmarks.ours, then one request a line: see `benchmarks.worker`.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks import multiply_adds, peer_network, worker
from deeplab_tf import models
from deeplab_tf.cli import model_options
from deeplab_tf.config.backbone import BACKBONES
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.torchvision import TORCHVISION
from deeplab_tf.config.train import TrainConfig
from deeplab_tf.data import pipeline, sources
from deeplab_tf.inference.predictor import predictor
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.training.loop import TrainLoop

# The names of precisions, and what Keras calls them.
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
_IGNORE_LABEL = 255

Task = tuple[Callable[[], Any], dict[str, Any]]


def forward(
    *, backbone: str, precision: str, batch_size: int, crop_size: int, num_classes: int
) -> Task:
    """Labels of images by a `Predictor`, as evaluation and export have it."""
    model = _build(backbone, precision=precision, num_classes=num_classes)
    images, _ = _batch(batch_size, crop_size, num_classes)
    predict = predictor(model).select(["labels"])
    facts = {"multiply_adds": _count_multiply_adds(model, crop_size)}
    return lambda: predict(images)["labels"].numpy(), facts


def training_step(
    *, backbone: str, precision: str, batch_size: int, crop_size: int, num_classes: int
) -> Task:
    """One update by the training loop."""
    model = _build(backbone, precision=precision, num_classes=num_classes)
    images, labels = _batch(batch_size, crop_size, num_classes)
    config = TrainConfig(batch_size=batch_size, precision=_POLICIES[precision])
    loop = TrainLoop(model, config=config, loss=SoftmaxCrossEntropy())
    batches = [{"image": images, "labels": labels}]
    facts = {"multiply_adds": _count_multiply_adds(model, crop_size)}
    return lambda: loop.run(batches, steps=loop.step + 1), facts


def variant_forward(*, network: str, crop_size: int, num_classes: int) -> Task:
    """Labels of one image by a network of `benchmarks.variants`."""
    model, facts = _build_variant(network, num_classes=num_classes)
    images, _ = _batch(1, crop_size, num_classes)
    predict = predictor(model).select(["labels"])
    return lambda: predict(images)["labels"].numpy(), facts


def variant_training_step(*, network: str, crop_size: int, num_classes: int) -> Task:
    """One update with two images of a network of `benchmarks.variants`."""
    model, facts = _build_variant(network, num_classes=num_classes)
    images, labels = _batch(2, crop_size, num_classes)
    loop = TrainLoop(
        model, config=TrainConfig(batch_size=2), loss=SoftmaxCrossEntropy()
    )
    batches = [{"image": images, "labels": labels}]
    return lambda: loop.run(batches, steps=loop.step + 1), facts


def matrix_product(*, size: int, precision: str) -> Task:
    """The product of two square matrices."""
    values = np.random.default_rng(1).standard_normal((size, size), "float32")
    matrix = tf.cast(values, precision)
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    return lambda: product().numpy(), {}


def input_pipeline(
    *, folder: str, batch_size: int, crop_size: int, batches: int
) -> Task:
    """A number of batches of the training pipeline over records."""
    source = sources.tfrecord_source(pathlib.Path(folder) / "records", split="train")
    dataset = pipeline.train_dataset(
        source,
        DataConfig(crop_size=(crop_size, crop_size)),
        batch_size=batch_size,
        padding_pixel=(123.15, 115.90, 103.06),
        ignore_label=_IGNORE_LABEL,
        seed=1,
    )
    iterator = iter(dataset)

    def take():
        for _ in range(batches):
            batch = next(iterator)
            assert batch["image"].shape == (batch_size, crop_size, crop_size, 3)

    return take, {}


def _build(backbone: str, *, precision: str, num_classes: int) -> keras.Model:
    config = model_options.build_config(
        {
            "model_variant": backbone,
            "num_classes": num_classes,
            "output_stride": peer_network.OUTPUT_STRIDE,
            "atrous_rates": peer_network.RATES,
            "aspp_with_separable_conv": False,
        }
    )
    keras.config.set_dtype_policy(_POLICIES[precision])
    return models.build_model(config)


def _build_variant(
    network: str, *, num_classes: int
) -> tuple[keras.Model, dict[str, Any]]:
    """Returns a backbone's DeepLabv3 or one of torchvision, and its building time."""
    config = TORCHVISION.get(network) or DeepLabV3Config(backbone=BACKBONES[network])
    config = dataclasses.replace(config, num_classes=num_classes)
    began = time.perf_counter()
    model = models.build_model(config)
    return model, {"building_seconds": time.perf_counter() - began}


def _batch(batch_size: int, crop_size: int, num_classes: int) -> tuple:
    """Returns random images and labels."""
    shape = (batch_size, crop_size, crop_size)
    generator = np.random.default_rng(1)
    images = generator.uniform(0, 255, (*shape, 3)).astype("float32")
    labels = generator.integers(0, num_classes, shape, "int32")
    return tf.constant(images), tf.constant(labels)


def _count_multiply_adds(model: keras.Model, crop_size: int) -> int:
    """Returns the multiply-adds of the convolutions on one image, without padding."""
    spec = tf.TensorSpec((1, crop_size, crop_size, 3), tf.float32)
    graph = tf.function(model).get_concrete_function(spec, training=False).graph
    operations = graph.get_operations()
    return sum(_count_operation(op) for op in operations if op.type == "Conv2D")


def _count_operation(operation: tf.Operation) -> int:
    (image, kernel), (result,) = operation.inputs, operation.outputs
    sides = []
    for axis in (1, 2):
        size, results = image.shape[axis], result.shape[axis]
        samples = kernel.shape[axis - 1]
        stride = operation.get_attr("strides")[axis]
        rate = operation.get_attr("dilations")[axis]
        reach = (results - 1) * stride + (samples - 1) * rate + 1
        # Nothing is missing where the input was padded before.
        before = max(reach - size, 0) // 2
        sides.append((size, results, samples, stride, rate, before))
    rows, columns = sides
    channels, filters = kernel.shape[2:]
    return multiply_adds.count(
        channels=channels, filters=filters, rows=rows, columns=columns
    )


if __name__ == "__main__":
    worker.serve(
        {
            "forward": forward,
            "training_step": training_step,
            "variant_forward": variant_forward,
            "variant_training_step": variant_training_step,
            "matrix_product": matrix_product,
            "input_pipeline": input_pipeline,
        }
    )
