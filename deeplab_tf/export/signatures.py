# Licensed under the Apache License, Version 2.0.
"""What an exported network offers: named functions of images."""

import tensorflow as tf

from deeplab_tf.inference.predictor import Predictor
from deeplab_tf.inference.saved_model_predictor import PROBABILITIES_SIGNATURE

INPUT_NAME = "ImageTensor"
ENCODED_INPUT_NAME = "image_bytes"
OUTPUT_NAME = "SemanticPredictions"
LOGITS_NAME = "SemanticLogits"
PROBABILITIES_NAME = "SemanticProbabilities"


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
        same; probabilities: ImageTensor -> SemanticProbabilities float32
        [N, H, W, C]; logits: ImageTensor -> SemanticLogits float32 [N, h, w, C], those
        of the padded crop.
    """
    images = tf.TensorSpec([None, None, None, 3], tf.uint8, name=INPUT_NAME)
    encoded = tf.TensorSpec([None], tf.string, name=ENCODED_INPUT_NAME)
    # Traced once for all signatures; in each, what it does not give is pruned.
    network = tf.function(
        predict.function,
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)],
        autograph=False,
    )

    @tf.function(input_signature=[images])
    def predict_labels(ImageTensor):
        return {OUTPUT_NAME: network(tf.cast(ImageTensor, tf.float32))["labels"]}

    @tf.function(input_signature=[encoded])
    def predict_encoded(image_bytes):
        decoded = tf.map_fn(
            lambda data: tf.io.decode_image(data, channels=3, expand_animations=False),
            image_bytes,
            fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8),
        )
        return {OUTPUT_NAME: network(tf.cast(decoded, tf.float32))["labels"]}

    @tf.function(input_signature=[images])
    def predict_probabilities(ImageTensor):
        outputs = network(tf.cast(ImageTensor, tf.float32))
        return {PROBABILITIES_NAME: outputs["probabilities"]}

    @tf.function(input_signature=[images])
    def predict_logits(ImageTensor):
        return {LOGITS_NAME: network(tf.cast(ImageTensor, tf.float32))["semantic"]}

    signatures = {
        "serving_default": predict_labels,
        "encoded": predict_encoded,
        PROBABILITIES_SIGNATURE: predict_probabilities,
    }
    if with_logits:
        signatures["logits"] = predict_logits
    return signatures
