# Licensed under the Apache License, Version 2.0.
"""Exports a checkpoint: SavedModel, frozen graph, TFLite."""

import pathlib
from collections.abc import Collection
from typing import Any

from absl import flags as absl_flags

from deeplab_tf.cli import crf_flags, flags, pretrained_flags
from deeplab_tf.cli.output_paths import check_writable
from deeplab_tf.cli.prediction_flags import evaluation_from_flags, image_size_from_flags
from deeplab_tf.cli.reporting import run_main
from deeplab_tf.config.dense_crf import DenseCRFConfig
from deeplab_tf.export import crf_support

FORMATS = ("saved_model", "tflite")
# Formats that somebody may expect from the name of the path.
_OTHER_SUFFIXES = (".h5", ".hdf5", ".keras", ".mlmodel", ".onnx", ".pbtxt", ".zip")


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.define("resize", "model", "export", "flip", "dataset", output_stride=8)
    absl_flags.DEFINE_multi_enum(
        "format", ["saved_model"], FORMATS, "Format to write, repeated for several."
    )
    flags.define_prediction()
    pretrained_flags.define()
    crf_flags.define()


def run() -> None:
    """Exports what the flags say."""
    flags.check_unused()
    crf_flags.check()
    target = flags.value("export_path")
    if not pretrained_flags.is_network_given("checkpoint_path") or not target:
        raise ValueError(
            "--checkpoint_path, or --pretrained, and --export_path must be given."
        )
    paths = plan_paths(pathlib.Path(target), flags.FLAGS.format)
    for path in paths.values():
        check_writable(path, flag="export_path")
    if flags.is_given("crf"):
        check_crf(crf_flags.config_from_flags(None), paths)
    checkpoint = pretrained_flags.network_checkpoint("checkpoint_path")

    # Imported late, so that wrong flags are told at once.
    from deeplab_tf.cli.class_names import find_dataset
    from deeplab_tf.cli.network import open_network
    from deeplab_tf.export.saved_model import export_frozen_graph, export_saved_model
    from deeplab_tf.export.tflite import export_tflite

    averages = flags.FLAGS.use_moving_averages
    with open_network(
        checkpoint,
        num_classes=flags.value("num_classes"),
        use_moving_averages=averages,
    ) as network:
        print(network.report)
        evaluation = evaluation_from_flags(network.recipe)
        check_crf(evaluation.crf, paths)
        image_size = image_size_from_flags(network.recipe)
        dataset = find_dataset(
            network.recipe,
            folder=pathlib.Path(network.prefix).parent,
            num_classes=network.config.num_classes,
        )
        common: dict[str, Any] = {
            "config": network.config,
            "evaluation": evaluation,
            "dataset": dataset,
        }
        for format_, path in paths.items():
            if format_ == "tflite":
                result = export_tflite(network.model, path, **common)
            elif format_ == "frozen_graph":
                result = export_frozen_graph(
                    network.model, path, image_size=image_size, **common
                )
            else:
                result = export_saved_model(
                    network.model, path, image_size=image_size, **common
                )
            print(result)


def check_crf(crf: DenseCRFConfig | None, formats: Collection[str]) -> None:
    """Raises ValueError if a CRF cannot be a part of what is written."""
    if "tflite" in formats:
        crf_support.check_tflite(crf)
    crf_support.check_graph(crf)


def plan_paths(target: pathlib.Path, formats: list[str]) -> dict[str, pathlib.Path]:
    """Returns which format goes where.

    A path that ends in `.pb` is a frozen graph, as research/deeplab writes it. One
    format goes to the path itself; of several, `saved_model/` and `model.tflite` go
    into it as a folder, and so does TFLite to a path that does not end in `.tflite`.

    Raises:
        ValueError: several formats for one file.
    """
    formats = list(dict.fromkeys(formats))
    if target.suffix == ".pb":
        if formats != ["saved_model"]:
            raise ValueError(
                f"--export_path={target} is a frozen graph; for other formats give a "
                "folder."
            )
        return {"frozen_graph": target}
    if target.suffix == ".tflite":
        if "saved_model" in formats and flags.is_given("format"):
            raise ValueError(
                f"--export_path={target} is one TFLite file; for several formats give "
                "a folder."
            )
        return {"tflite": target}
    if target.suffix in _OTHER_SUFFIXES:
        raise ValueError(
            f"--export_path={target}: {target.suffix} files are not written; a path "
            "ends in .pb or .tflite, or is a folder."
        )
    if formats == ["saved_model"]:
        return {"saved_model": target}
    names = {"saved_model": "saved_model", "tflite": "model.tflite"}
    return {format_: target / names[format_] for format_ in formats}


def main() -> None:
    """The console script."""
    define_flags()
    run_main(run)


if __name__ == "__main__":
    main()
