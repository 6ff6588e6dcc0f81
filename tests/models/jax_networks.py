# Licensed under the Apache License, Version 2.0.
"""Runs the table of networks, the losses and the metrics on JAX."""

import numpy as np

from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.metrics.confusion_matrix import confusion_matrix
from deeplab_tf.models import build_model
from tests import contracts
from tests.layers.jax_layers import predict_compiled
from tests.models.model_cases import config_of

IMAGE_SIZE = (65, 97)
# Each takes JAX seconds to compile; the layers are under test there one by one.
COMPILED = (
    "v1_msc",
    "v2_vgg_aspp",
    "v2_pyramid",
    "v3_stride_8",
    "v3_stride_32",
    "v3_pooling_window",
    "v3_q_sigmoid_gate",
    "v3plus",
    "v3plus_two_stages_dense",
    "v3plus_sum_logits",
    "v3plus_resnet",
)


def main(path):
    image = contracts.draw_image(*IMAGE_SIZE).astype("float32")
    results = {}
    for name in COMPILED:
        model = build_model(config_of(name))
        contracts.draw_weights(model)
        logits = predict_compiled(model, image)["semantic"]
        results[name] = np.asarray(logits)
    results["loss"], results["matrix"] = compare_with_labels(results["v3plus"])
    np.savez(path, **results)


def compare_with_labels(logits):
    """Returns loss and confusion matrix of logits on drawn labels."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 5, (1, *IMAGE_SIZE)).astype("int32")
    labels[:, :9] = 255
    loss = SoftmaxCrossEntropy()({"labels": labels}, {"semantic": logits})
    predictions = rng.integers(0, 5, labels.shape).astype("int32")
    matrix = confusion_matrix(labels, predictions, num_classes=5, ignore_label=255)
    return np.asarray(loss), np.asarray(matrix)
