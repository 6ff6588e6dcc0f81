# Licensed under the Apache License, Version 2.0.
"""The mean field of a fully connected CRF, computed by the package pydensecrf."""

import types
from typing import Any

import numpy as np

from deeplab_tf.config.dense_crf import DenseCRFConfig

# What the package calls our normalizations.
_NORMALIZATIONS = {
    "symmetric": "NORMALIZE_SYMMETRIC",
    "before": "NORMALIZE_BEFORE",
    "after": "NORMALIZE_AFTER",
    "none": "NO_NORMALIZATION",
}


def pydensecrf_mean_field(
    unaries: np.ndarray, images: np.ndarray, config: DenseCRFConfig
) -> np.ndarray:
    """Returns the marginals of a CRF after its iterations.

    Args:
        unaries: [B, H, W, C] energies, minus the logarithms of probabilities.
        images: [B, H, W, 3] RGB in 0..255, which are rounded: the package takes bytes.
        config: of the CRF.

    Returns:
        [B, H, W, C] float32.

    Raises:
        ValueError: the package is not installed, sizes differ, energies are not finite
            or the compatibility has another number of classes.
    """
    package = import_pydensecrf()
    unaries = np.asarray(unaries, np.float32)
    images = np.asarray(images)
    if unaries.ndim != 4 or images.shape != (*unaries.shape[:3], 3):
        raise ValueError(
            "The CRF takes unaries [B, H, W, C] and images [B, H, W, 3] of the same "
            f"size, got the shapes {unaries.shape} and {images.shape}."
        )
    num_classes = unaries.shape[-1]
    if config.compatibility and len(config.compatibility) != num_classes:
        raise ValueError(
            f"compatibility is of {len(config.compatibility)} classes, and the unaries "
            f"have {num_classes}."
        )
    if not unaries.size:
        raise ValueError(
            f"The CRF takes at least one pixel and one class, got {unaries.shape}."
        )
    if not np.isfinite(images).all():
        raise ValueError("The images of the CRF hold NaN or infinite numbers.")
    if not np.isfinite(unaries).all():
        raise ValueError(
            "The unaries of the CRF hold NaN or infinite numbers: look for the cause "
            "in the network."
        )
    marginals = np.empty_like(unaries)
    for one, image, target in zip(unaries, images, marginals, strict=True):
        # A copy: the package takes only arrays that may be written to.
        pixels = np.array(np.rint(np.clip(image, 0, 255)), np.uint8, order="C")
        target[:] = _mean_field_of_image(package, one, pixels, config)
    return marginals


def import_pydensecrf() -> types.ModuleType:
    """Returns the package.

    Raises:
        ValueError: it is not installed.
    """
    try:
        import pydensecrf.densecrf
    except ImportError as error:
        raise ValueError(
            f"The backend pydensecrf is not installed here ({error}): pip install "
            "'deeplab-tf[crf]', which needs a C++ compiler; or take the backend "
            "tensorflow, which needs nothing."
        ) from error
    return pydensecrf.densecrf


def _mean_field_of_image(
    package: Any, unaries: np.ndarray, image: np.ndarray, config: DenseCRFConfig
) -> np.ndarray:
    """Returns the marginals [H, W, C] of an image."""
    height, width, num_classes = unaries.shape
    energies = np.array(unaries.reshape(-1, num_classes).T, np.float32, order="C")
    normalization = getattr(package, _NORMALIZATIONS[config.normalization])
    crf = package.DenseCRF2D(width, height, num_classes)
    crf.setUnaryEnergy(energies)
    if config.spatial_weight > 0:
        crf.addPairwiseGaussian(
            sxy=config.spatial_xy,
            compat=_compatibility(config, config.spatial_weight),
            kernel=package.DIAG_KERNEL,
            normalization=normalization,
        )
    if config.bilateral_weight > 0:
        crf.addPairwiseBilateral(
            sxy=config.bilateral_xy,
            srgb=config.bilateral_rgb,
            rgbim=image,
            compat=_compatibility(config, config.bilateral_weight),
            kernel=package.DIAG_KERNEL,
            normalization=normalization,
        )
    marginals = np.array(crf.inference(config.iterations), np.float32)
    return marginals.T.reshape(unaries.shape)


def _compatibility(config: DenseCRFConfig, weight: float) -> Any:
    """Returns what the package takes for a compatibility, times the weight of a kernel.

    A matrix is the costs, as ours. A number w is -w on the diagonal and 0 beside it,
    which differs from Potts by the same energy for all labels, and so in nothing.
    """
    if not config.compatibility:
        return weight
    return np.array(config.compatibility, np.float32) * np.float32(weight)
