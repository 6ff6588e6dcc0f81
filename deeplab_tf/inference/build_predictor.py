# Licensed under the Apache License, Version 2.0.
"""The predictor of a configuration: a network with all that evaluation puts around."""

import dataclasses

import keras

from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import ModelConfig
from deeplab_tf.inference.dense_crf import dense_crf
from deeplab_tf.inference.fit_to_crop import fit_to_crop
from deeplab_tf.inference.multi_scale import multi_scale
from deeplab_tf.inference.predictor import Predictor, predictor


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSize:
    """How images are resized before they are padded.

    Attributes:
        min_resize_value: the shorter side is resized to it; None: no resizing.
        max_resize_value: the longer side may not pass it.
        resize_factor: resized sides are a multiple of it plus one.
        keep_aspect_ratio: whether resizing keeps the ratio of the sides.
    """

    min_resize_value: int | None = None
    max_resize_value: int | None = None
    resize_factor: int | None = None
    keep_aspect_ratio: bool = True


def build_predictor(
    model: keras.Model,
    config: ModelConfig,
    evaluation: EvaluationConfig,
    *,
    image_size: ImageSize | None = None,
) -> Predictor:
    """Returns the predictor of a network with all that evaluation puts around it.

    Args:
        model: built from `config`.
        config: gives the padding colour and the stride and resizing of the logits.
        evaluation: crop, scales, flip and CRF.
        image_size: resizing of the images; None resizes nothing.

    Raises:
        ValueError: the backend of the CRF is not installed.
    """
    predict = predictor(
        model,
        logits_stride=config.logits_stride,
        upsample_logits=evaluation.upsample_logits,
        resize=config.head_style.resize,
    )
    if is_multi_scale(evaluation):
        predict = multi_scale(predict, scales=evaluation.scales, flip=evaluation.flip)
    resizing = dataclasses.asdict(image_size or ImageSize())
    fitted = fit_to_crop(
        predict,
        crop_size=evaluation.crop_size,
        padding_pixel=config.backbone.padding_pixel,
        pad_to_crop=evaluation.pad_to_crop,
        **resizing,
    )
    return fitted if evaluation.crf is None else dense_crf(fitted, evaluation.crf)


def is_multi_scale(evaluation: EvaluationConfig) -> bool:
    """Returns whether probabilities are averaged, so that there are no logits."""
    return tuple(evaluation.scales) != (1.0,) or evaluation.flip
