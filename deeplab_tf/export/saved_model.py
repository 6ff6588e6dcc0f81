# Licensed under the Apache License, Version 2.0.
"""Networks as SavedModel folders and as frozen graphs."""

import os
import pathlib
import shutil

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from deeplab_tf.config.evaluation import EvaluationConfig
from deeplab_tf.config.recipe import ModelConfig
from deeplab_tf.export import comparison, crf_support, signatures
from deeplab_tf.export.comparison import Comparison
from deeplab_tf.export.network_json import (
    EXTRA_FOLDER,
    ClassNames,
    describe_network,
    write_network_json,
)
from deeplab_tf.export.whole_file import write_whole
from deeplab_tf.inference.build_predictor import (
    ImageSize,
    build_predictor,
    is_multi_scale,
)

# Largest side of the images of a comparison with a CRF, which takes longer than many
# networks do, and on noise longer than on photos.
_CRF_SIDE = 129

# What TensorFlow writes into the folder of a SavedModel, and we.
_SAVED_MODEL_ENTRIES = {
    "saved_model.pb",
    "fingerprint.pb",
    "variables",
    "assets",
    EXTRA_FOLDER,
}


def export_saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    config: ModelConfig,
    evaluation: EvaluationConfig,
    image_size: ImageSize | None = None,
    dataset: ClassNames | None = None,
) -> Comparison:
    """Writes a SavedModel, runs it and compares it with the model.

    Args:
        model: built from `config`.
        path: the folder; it is replaced when the new one is complete.
        config: of the network.
        evaluation: crop, scales, flip and CRF, which go into the graph.
        image_size: resizing, which goes into the graph; None resizes nothing.
        dataset: names and colours of the classes, which go into `network.json`.

    Returns:
        The comparison, which is also stored beside the folder.

    Raises:
        ValueError: something that is no SavedModel stands there, or the CRF cannot be
            exported.
    """
    path = pathlib.Path(path)
    crf_support.check_graph(evaluation.crf)
    _check_replaceable(path)
    info = describe_network(config, evaluation, dataset=dataset, image_size=image_size)
    predict = build_predictor(model, config, evaluation, image_size=image_size)
    functions = signatures.build_signatures(
        predict, with_logits=not is_multi_scale(evaluation)
    )
    module = tf.Module()
    module.model_variables = [variable.value for variable in model.variables]
    module.functions = functions
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        tf.saved_model.save(module, str(partial), signatures=functions)
        write_network_json(partial, info)
        _replace_folder(partial, path)
    except tf.errors.OpError as error:
        raise OSError(
            f"{path} could not be written: {error.message}. Make room on the disk, or "
            "give another path."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    select = predict.select(["labels"])
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    return comparison.compare(
        path,
        "saved_model",
        _probe_batches(evaluation),
        exported=lambda images: serve(ImageTensor=tf.constant(images))[
            signatures.OUTPUT_NAME
        ],
        model=lambda images: select(images)["labels"],
    )


def export_frozen_graph(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    config: ModelConfig,
    evaluation: EvaluationConfig,
    image_size: ImageSize | None = None,
    dataset: ClassNames | None = None,
) -> Comparison:
    """Writes a TensorFlow 1 frozen graph, runs it and compares it with the model.

    Its tensors are `ImageTensor:0`, uint8 [N, H, W, 3], and `SemanticPredictions:0`,
    int32 [N, H, W], as in the graphs that research/deeplab exports.

    Args:
        model: built from `config`.
        path: the file, which ends in `.pb`.
        config: of the network.
        evaluation: crop, scales, flip and CRF, which go into the graph.
        image_size: resizing, which goes into the graph; None resizes nothing.
        dataset: names and colours of the classes, which go into `network.json`.

    Returns:
        The comparison, which is also stored beside the file.

    Raises:
        ValueError: the CRF cannot be exported.
    """
    path = pathlib.Path(path)
    crf_support.check_graph(evaluation.crf)
    info = describe_network(config, evaluation, dataset=dataset, image_size=image_size)
    predict = build_predictor(model, config, evaluation, image_size=image_size)
    functions = signatures.build_signatures(predict, with_logits=False)
    concrete = functions["serving_default"].get_concrete_function()
    frozen = convert_variables_to_constants_v2(concrete)
    graph = tf.Graph()
    with graph.as_default():
        image = tf.compat.v1.placeholder(
            tf.uint8, [None, None, None, 3], name=signatures.INPUT_NAME
        )
        (labels,) = tf.import_graph_def(
            frozen.graph.as_graph_def(),
            input_map={frozen.inputs[0].name: image},
            return_elements=[frozen.outputs[0].name],
            name="network",
        )
        tf.identity(labels, name=signatures.OUTPUT_NAME)
    write_whole(path, graph.as_graph_def().SerializeToString())
    write_network_json(path, info)
    select = predict.select(["labels"])
    # Not as a context manager: that would turn eager execution off for the model.
    session = tf.compat.v1.Session(graph=_read_graph(path))
    try:
        return comparison.compare(
            path,
            "frozen_graph",
            _probe_batches(evaluation),
            exported=lambda images: session.run(
                f"{signatures.OUTPUT_NAME}:0", {f"{signatures.INPUT_NAME}:0": images}
            ),
            model=lambda images: select(images)["labels"],
        )
    finally:
        session.close()


def _read_graph(path: pathlib.Path) -> tf.Graph:
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    return graph


def _probe_batches(evaluation: EvaluationConfig) -> list:
    """Returns two images of one batch, and one that is smaller than the crop."""
    height, width = evaluation.crop_size
    if evaluation.crf is not None:
        height, width = min(height, _CRF_SIDE), min(width, _CRF_SIDE)
    smaller = (1, max(33, height - 31), max(33, width - 62))
    return comparison.probe_images((2, height, width), smaller)


def _check_replaceable(path: pathlib.Path) -> None:
    """Raises ValueError if replacing a folder would delete anything but an export."""
    if not path.exists():
        return
    if not path.is_dir():
        raise ValueError(f"{path} is a file: a SavedModel is a folder.")
    others = sorted({entry.name for entry in path.iterdir()} - _SAVED_MODEL_ENTRIES)
    if others:
        raise ValueError(
            f"{path} is a folder that holds {', '.join(others[:3])}, and a SavedModel "
            "would replace it: give a new folder."
        )


def _replace_folder(source: pathlib.Path, target: pathlib.Path) -> None:
    """Moves a complete folder to its place; what stood there goes only then."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(source, target)
    shutil.rmtree(old, ignore_errors=True)
