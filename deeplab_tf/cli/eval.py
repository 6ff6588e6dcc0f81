# Licensed under the Apache License, Version 2.0.
"""Evaluates a checkpoint on a split: IoU per class and in the mean, accuracy.

--trimap_widths and --boundary_iou ask for scores along boundaries.
Prints the table and writes eval.json and eval.csv into --eval_logdir, with --watch also
eval-<step>.json and .csv for each checkpoint, and TensorBoard scalars. Batches hold
images of equal size only, so --eval_batch_size is an upper bound.
"""

import dataclasses
import itertools
from typing import Any

from absl import flags as absl_flags

from deeplab_tf.cli import (
    boundary_flags,
    crf_flags,
    flags,
    prediction_flags,
    pretrained_flags,
)
from deeplab_tf.cli.dataset_flags import dataset_info
from deeplab_tf.cli.output_paths import check_folder
from deeplab_tf.cli.prediction_flags import Prediction, SplitFlags
from deeplab_tf.cli.progress import Progress
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.config.data import DataConfig
from deeplab_tf.config.serialization import to_dict

_NAMES = SplitFlags(
    split="eval_split", crop_size="eval_crop_size", batch_size="eval_batch_size"
)


def define_flags() -> None:
    """Defines the flags of this command."""
    prediction_flags.define("eval")
    boundary_flags.define()
    absl_flags.DEFINE_string(
        "saved_model", None, "An exported SavedModel to evaluate, not a checkpoint."
    )


def run() -> None:
    """Evaluates what the flags say."""
    flags.check_unused()
    crf_flags.check()
    boundary_flags.check()
    folder = flags.value("eval_logdir")
    if not folder:
        raise ValueError("--eval_logdir must be given: the folder of the report.")
    check_folder(folder, flag="eval_logdir")

    if flags.FLAGS.saved_model:
        if pretrained_flags.is_network_given("checkpoint_dir"):
            raise ValueError(
                "Give --checkpoint_dir, --pretrained or --saved_model, and only one."
            )
        report = evaluate_saved_model(flags.FLAGS.saved_model)
        print(report.to_table(), flush=True)
        report.save(folder)
        print(f"Written to {folder}/eval.json and {folder}/eval.csv")
        return

    def evaluate_checkpoint(path: str) -> None:
        with prediction_flags.open_prediction(path, _NAMES) as prediction:
            print(prediction.network.report)
            report = evaluate_split(prediction)
        print(describe(report.details))
        print(report.to_table(), flush=True)
        save(report, folder)

    prediction_flags.for_each_checkpoint(
        evaluate_checkpoint, limit=flags.value("max_number_of_evaluations")
    )


def evaluate_split(prediction: Prediction) -> Any:
    """Returns the report of a network on a split.

    Raises:
        ValueError: the split holds no labels, or labels that are no classes.
    """
    from deeplab_tf.data.pipeline import eval_dataset
    from deeplab_tf.evaluation.evaluate import evaluate
    from deeplab_tf.inference.build_predictor import build_predictor

    _check_labels(prediction.source)
    network, evaluation = prediction.network, prediction.evaluation
    # The examples come resized, labels too: as the original, scores are taken there.
    predict = build_predictor(network.model, network.config, evaluation)
    examples = eval_dataset(prediction.source, prediction.data)
    batches = prediction_flags.equal_size_batches(
        itertools.islice(examples, prediction.num_images),
        batch_size=evaluation.batch_size,
    )
    progress = Progress(prediction.num_images)
    try:
        return evaluate(
            predict,
            batches,
            num_classes=prediction.info.num_classes,
            ignore_label=prediction.info.ignore_label,
            class_names=prediction.info.classes,
            progress=progress,
            details=details_of(prediction),
            trimap=boundary_flags.trimap_from_flags(),
            boundary_iou=boundary_flags.boundary_iou_from_flags(),
        )
    finally:
        progress.close()


def evaluate_saved_model(path: str) -> Any:
    """Returns the report of an exported SavedModel, run as a server would run it.

    Crop, scales and resizing are in its graph; data set, split and a CRF around it
    come from the flags.

    Raises:
        ValueError: there is no SavedModel at `path`, none with our signatures, or one
            with a CRF of its own where the flags name one too.
    """
    from deeplab_tf.data.pipeline import eval_dataset
    from deeplab_tf.data.sources import open_source
    from deeplab_tf.evaluation.evaluate import evaluate
    from deeplab_tf.export.network_json import read_network_json
    from deeplab_tf.inference.dense_crf import dense_crf
    from deeplab_tf.inference.saved_model_predictor import saved_model_predictor

    exported = read_network_json(path)
    crf = crf_flags.config_for_export(path, exported)
    crf_inside = None if exported is None else exported.crf
    predict = saved_model_predictor(path, with_probabilities=crf is not None)
    if crf is not None:
        predict = dense_crf(predict, crf)
    info = dataset_info(None)
    split = flags.value(_NAMES.split)
    source = open_source(flags.value("dataset_dir"), split=split, info=info)
    _check_labels(source)
    num_images = source.num_examples
    if (wanted := flags.FLAGS.max_images) > 0:
        num_images = min(num_images, wanted)
    progress = Progress(num_images)

    try:
        return evaluate(
            predict,
            itertools.islice(eval_dataset(source, DataConfig()), num_images),
            num_classes=info.num_classes,
            ignore_label=info.ignore_label,
            class_names=info.classes,
            progress=progress,
            details={
                "saved_model": path,
                "dataset": info.name,
                "split": split,
                "crf": to_dict(crf or crf_inside),
            },
            trimap=boundary_flags.trimap_from_flags(),
            boundary_iou=boundary_flags.boundary_iou_from_flags(),
        )
    finally:
        progress.close()


def _check_labels(source: Any) -> None:
    if not source.has_labels:
        raise ValueError(
            f"Evaluation needs labels, and {source.name} has none: name another split, "
            f"or use vis.py."
        )


def details_of(prediction: Prediction) -> dict[str, Any]:
    """Returns what is evaluated and how, for the report."""
    network, evaluation, data = (
        prediction.network,
        prediction.evaluation,
        prediction.data,
    )
    return {
        "checkpoint": network.prefix,
        "step": network.step,
        "moving_averages": network.report.moving_averages,
        "dataset": prediction.info.name,
        "dataset_dir": flags.value("dataset_dir"),
        "split": data.eval_split,
        "output_stride": network.config.backbone.output_stride,
        "scales": list(evaluation.scales),
        "flip": evaluation.flip,
        "crop_size": list(evaluation.crop_size),
        "pad_to_crop": evaluation.pad_to_crop,
        "crf": to_dict(evaluation.crf),
        "resizing": dataclasses.asdict(prediction_flags.resizing(data)),
        "ignore_label": prediction.info.ignore_label,
    }


def describe(details: Any) -> str:
    """Returns in one line what was evaluated."""
    step = "" if details["step"] is None else f" (step {details['step']})"
    scales = ", ".join(f"{scale:g}" for scale in details["scales"])
    flip = " and mirrored" if details["flip"] else ""
    crf = f", refined by {_describe_crf(details['crf'])}" if details["crf"] else ""
    return (
        f"{details['checkpoint']}{step} on split {details['split']!r} of "
        f"{details['dataset']}, output stride {details['output_stride']}, "
        f"scales {scales}{flip}{crf}"
    )


def _describe_crf(crf: Any) -> str:
    return (
        f"a CRF (bilateral {crf['bilateral_weight']:g} at {crf['bilateral_xy']:g} "
        f"pixels and {crf['bilateral_rgb']:g} grey levels, spatial "
        f"{crf['spatial_weight']:g} at {crf['spatial_xy']:g} pixels, "
        f"{crf['iterations']} iterations)"
    )


def save(report: Any, folder: str) -> None:
    """Writes a report as JSON and CSV, and its scores for TensorBoard."""
    from deeplab_tf.training.event_files import EventWriter

    report.save(folder)
    step = report.details["step"]
    if flags.FLAGS.watch and step is not None:
        report.save(folder, name=f"eval-{step}")
    split = report.details["split"]
    writer = EventWriter(folder)
    try:
        writer.write_scalars(
            step or 0,
            {
                f"{split}_miou": report.mean_iou,
                f"{split}_pixel_accuracy": report.scores.pixel_accuracy,
                **boundary_scalars(report, split),
            },
        )
    finally:
        writer.close()
    print(f"Written to {folder}/eval.json and {folder}/eval.csv")


def boundary_scalars(report: Any, split: str) -> dict[str, float]:
    """Returns the scores along boundaries for TensorBoard, those that there are."""
    scalars = {}
    if report.boundary_iou is not None:
        scalars[f"{split}_boundary_iou"] = report.boundary_iou.scores.mean_iou
    if report.trimap is not None and not report.trimap.is_empty:
        bands = zip(report.trimap.trimap.widths, report.trimap.scores, strict=True)
        for width, scores in bands:
            scalars[f"{split}_trimap_{width}_miou"] = scores.mean_iou
    return scalars


def main() -> None:
    """The console script."""
    define_flags()
    run_main(run)


if __name__ == "__main__":
    main()
