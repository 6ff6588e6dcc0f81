# Licensed under the Apache License, Version 2.0.
"""Networks as TFLite files of a fixed size."""

import dataclasses
import os
import pathlib

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import ModelConfig
from deeplab_tf.export import comparison, crf_support, signatures
from deeplab_tf.export.comparison import Comparison
from deeplab_tf.export.network_json import (
    ClassNames,
    describe_network,
    write_network_json,
)
from deeplab_tf.export.whole_file import write_whole
from deeplab_tf.inference.build_predictor import build_predictor
from deeplab_tf.inference.tflite_predictor import open_interpreter


def export_tflite(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    config: ModelConfig,
    evaluation: EvaluationConfig,
    dataset: ClassNames | None = None,
) -> Comparison:
    """Writes a float32 TFLite file, runs it and compares it with the model.

    It takes uint8 [1, H, W, 3] and returns int32 [1, H, W] labels, with H x W the
    crop. The size is fixed, since only then the converter turns atrous depthwise
    convolutions into one operation each, instead of a SPACE_TO_BATCH_ND chain.

    Args:
        model: built from `config`.
        path: the file.
        config: of the network.
        evaluation: crop, scales and flip, which go into the graph; without a CRF.
        dataset: names and colours of the classes, which go into `network.json`.

    Returns:
        The comparison, which is also stored beside the file.

    Raises:
        ValueError: the file holds operations that phones lack, or there is a CRF.
    """
    path = pathlib.Path(path)
    crf_support.check_tflite(evaluation.crf)
    info = describe_network(config, evaluation, dataset=dataset)
    predict = build_predictor(
        model, config, dataclasses.replace(evaluation, pad_to_crop=False)
    ).select(["labels"])
    height, width = evaluation.crop_size
    images = tf.TensorSpec([1, height, width, 3], tf.uint8, name=signatures.INPUT_NAME)

    @tf.function(input_signature=[images])
    def predict_labels(ImageTensor):
        images = tf.cast(ImageTensor, tf.float32)
        return {signatures.OUTPUT_NAME: predict.function(images)["labels"]}

    module = tf.Module()
    module.model_variables = [variable.value for variable in model.variables]
    module.predict_labels = predict_labels
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [predict_labels.get_concrete_function()], module
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    content = converter.convert()
    _check_operations(content, path)
    write_whole(path, content)
    write_network_json(path, info)
    run = load_tflite(path)
    return comparison.compare(
        path,
        "tflite",
        comparison.probe_images((1, height, width), (1, height, width)),
        exported=run,
        model=lambda images: predict(images)["labels"],
    )


def load_tflite(path: str | os.PathLike):
    """Returns a function uint8 [1, H, W, 3] -> int32 [1, H, W] that runs a file."""
    interpreter = open_interpreter(path=path)
    input_index = interpreter.get_input_details()[0]["index"]
    output_index = interpreter.get_output_details()[0]["index"]

    def run(images: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(input_index, images)
        interpreter.invoke()
        return interpreter.get_tensor(output_index)

    return run


def list_operations(content: bytes) -> list[str]:
    """Returns the names of the operations of a TFLite file, in order."""
    # Without a delegate: one would show itself instead of what it runs.
    plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = open_interpreter(content=content, resolver=plain)
    return [op["op_name"] for op in interpreter._get_ops_details()]


def _check_operations(content: bytes, path: pathlib.Path) -> None:
    """Raises ValueError for operations that delegates refuse."""
    found = sorted(
        {
            name
            for name in list_operations(content)
            if name in ("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND")
            or name.startswith(("Flex", "FLEX", "CUSTOM"))
        }
    )
    if found:
        raise ValueError(
            f"{path} was not written: the converter left {', '.join(found)} in it, "
            "which phones run slowly or not at all."
        )
