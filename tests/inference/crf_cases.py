# Licensed under the Apache License, Version 2.0.
"""Small images with unaries, and their mean field by sums over all pairs."""

import dataclasses

import numpy as np

from deeplab_tf.config.dense_crf import DenseCRFConfig

SMALL = DenseCRFConfig(
    bilateral_xy=6.0, bilateral_rgb=30.0, spatial_xy=1.5, min_probability=0.0
)
EXACT = dataclasses.replace(SMALL, filter="exact")


def case(height=12, width=9, num_classes=3, *, batch=1, seed=0):
    """Returns unaries and images with two halves of different colour and noise."""
    generator = np.random.default_rng(seed)
    images = generator.normal(60, 10, (batch, height, width, 3))
    images[:, :, width // 2 :] += 100
    unaries = generator.normal(0, 1, (batch, height, width, num_classes))
    unaries[:, :, : width // 2, 0] -= 1
    unaries[:, :, width // 2 :, -1] -= 1
    return unaries.astype(np.float32), np.clip(images, 0, 255).astype(np.float32)


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def kernel_matrices(image, config):
    """Returns the two kernels of an image in float64, by a loop over pixels."""
    height, width, _ = image.shape
    places = [(y, x) for y in range(height) for x in range(width)]
    both = np.zeros((2, len(places), len(places)))
    all_places, all_colors = np.array(places), image.reshape(-1, 3)
    for i, place in enumerate(places):
        distances = np.square(all_places - place).sum(axis=1)
        colors = np.square(all_colors - image[place]).sum(axis=1)
        both[0, i] = np.exp(
            -distances / (2 * config.bilateral_xy**2)
            - colors / (2 * config.bilateral_rgb**2)
        )
        both[1, i] = np.exp(-distances / (2 * config.spatial_xy**2))
    return both


def normalize(kernel, normalization):
    sums = kernel.sum(axis=1)
    if normalization == "symmetric":
        return kernel / np.sqrt(sums[:, None] * sums[None, :])
    if normalization == "before":
        return kernel / sums[None, :]
    if normalization == "after":
        return kernel / sums[:, None]
    return kernel


def brute_force(unaries, images, config):
    """Returns the marginals by sums over all pairs of pixels, in float64."""
    results = []
    for unary, image in zip(unaries.astype(np.float64), images, strict=True):
        kernels = kernel_matrices(image.astype(np.float64), config)
        bilateral, spatial = (normalize(k, config.normalization) for k in kernels)
        both = config.bilateral_weight * bilateral + config.spatial_weight * spatial
        num_classes = unary.shape[-1]
        costs = np.array(config.compatibility or 1 - np.eye(num_classes))
        flat = unary.reshape(-1, num_classes)
        marginals = softmax(-flat)
        for _ in range(config.iterations):
            marginals = softmax(-flat - both @ marginals @ costs.T)
        results.append(marginals.reshape(unary.shape))
    return np.stack(results)
