# Licensed under the Apache License, Version 2.0.
"""What an exported network offers: named functions of images."""

import dataclasses

import keras
import tensorflow as tf

from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import ModelConfig
from deeplab_tf.inference.fit_to_crop import fit_to_crop
from deeplab_tf.inference.multi_scale import multi_scale
from deeplab_tf.inference.predictor import Predictor, predictor

INPUT_NAME = "ImageTensor"
ENCODED_INPUT_NAME = "image_bytes"
OUTPUT_NAME = "SemanticPredictions"
LOGITS_NAME = "SemanticLogits"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSize:
    """How an exported network resizes images before it pads them.

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
        config: gives the padding colour and the stride of the logits.
        evaluation: crop, scales and flip.
        image_size: resizing of the images; None resizes nothing.
    """
    predict = predictor(
        model,
        logits_stride=config.logits_stride,
        upsample_logits=evaluation.upsample_logits,
    )
    if is_multi_scale(evaluation):
        predict = multi_scale(predict, scales=evaluation.scales, flip=evaluation.flip)
    resizing = dataclasses.asdict(image_size or ImageSize())
    return fit_to_crop(
        predict,
        crop_size=evaluation.crop_size,
        padding_pixel=config.backbone.padding_pixel,
        pad_to_crop=evaluation.pad_to_crop,
        **resizing,
    )


def is_multi_scale(evaluation: EvaluationConfig) -> bool:
    """Returns whether probabilities are averaged, so that there are no logits."""
    return tuple(evaluation.scales) != (1.0,) or evaluation.flip


def build_signatures(
    predict: Predictor, *, with_logits: bool
) -> dict[str, tf.types.experimental.GenericFunction]:
    """Returns the signatures of a SavedModel by name.

    Args:
        predict: images -> Outputs.
        with_logits: whether `predict` gives logits.

    Returns:
        serving_default: ImageTensor uint8 [N, H, W, 3] -> SemanticPredictions int32
        [N, H, W]; encoded: image_bytes string [N], JPEG or PNG of equal size, to the
        same; logits: ImageTensor -> SemanticLogits float32 [N, h, w, C], those of the
        padded crop.
    """
    images = tf.TensorSpec([None, None, None, 3], tf.uint8, name=INPUT_NAME)
    encoded = tf.TensorSpec([None], tf.string, name=ENCODED_INPUT_NAME)

    @tf.function(input_signature=[images])
    def predict_labels(ImageTensor):
        return {OUTPUT_NAME: predict(ImageTensor)["labels"]}

    @tf.function(input_signature=[encoded])
    def predict_encoded(image_bytes):
        decoded = tf.map_fn(
            lambda data: tf.io.decode_image(data, channels=3, expand_animations=False),
            image_bytes,
            fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8),
        )
        return {OUTPUT_NAME: predict(decoded)["labels"]}

    @tf.function(input_signature=[images])
    def predict_logits(ImageTensor):
        return {LOGITS_NAME: predict(ImageTensor)["semantic"]}

    signatures = {"serving_default": predict_labels, "encoded": predict_encoded}
    if with_logits:
        signatures["logits"] = predict_logits
    return signatures
