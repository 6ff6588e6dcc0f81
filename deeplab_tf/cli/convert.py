# Licensed under the Apache License, Version 2.0.
"""Turns weights of any kind into a .keras file or a TensorFlow 1 checkpoint.

Read are checkpoints of research/deeplab and ours (prefix, folder, archive), frozen
graphs, TFLite files and .keras files. A .keras file holds its network; one that is read
without it is described by the flags of the network.
"""

import logging
import pathlib
from typing import Any

from absl import flags as absl_flags

from deeplab_tf.cli import flags, pretrained_flags
from deeplab_tf.cli.output_paths import check_writable
from deeplab_tf.cli.reporting import run_main

# Also where it runs as a script of its own, which has another name.
log = logging.getLogger("deeplab_tf.cli.convert")

KERAS = "keras"
TF1 = "tf1"
# Files that somebody may expect of this command.
_OTHER_SUFFIXES = (".h5", ".onnx", ".pb", ".pt", ".pth", ".safetensors", ".tflite")


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.define("model")
    flags.define_named("checkpoint_path")
    absl_flags.DEFINE_string(
        "export_path", None, "A .keras file, or the prefix of a checkpoint."
    )
    absl_flags.DEFINE_enum(
        "format",
        None,
        (KERAS, TF1),
        "Format to write; if not given, that of the path: keras where it ends in "
        ".keras, else tf1.",
    )
    absl_flags.DEFINE_integer(
        "num_classes", None, "Number of classes; if not given, the classifier's."
    )
    absl_flags.DEFINE_boolean(
        "use_moving_averages",
        None,
        "Take the moving averages of the weights; where it is not given, those of a "
        "run here that kept them, and none of research/deeplab.",
    )
    absl_flags.DEFINE_boolean(
        "allow_backbone",
        False,
        "Take a classifier of whole images, too: the head stays random, and a training "
        "starts from what is written.",
    )
    absl_flags.DEFINE_string(
        "recipe", None, "Recipe whose network a file has that does not say."
    )
    pretrained_flags.define()


def run() -> None:
    """Converts what the flags say."""
    flags.check_unused()
    target = flags.FLAGS.export_path
    if not pretrained_flags.is_network_given("checkpoint_path") or not target:
        raise ValueError(
            "--checkpoint_path, or --pretrained, and --export_path must be given."
        )
    format_ = find_format(target, flags.FLAGS.format)
    check_writable(target, flag="export_path")
    checkpoint = pretrained_flags.network_checkpoint("checkpoint_path")

    # Imported late, so that wrong flags are told at once.
    from deeplab_tf.checkpoints.keras_file import save_keras
    from deeplab_tf.checkpoints.save import find_scope, save_slim_checkpoint
    from deeplab_tf.cli.network import open_network

    with open_network(
        checkpoint,
        use_moving_averages=flags.FLAGS.use_moving_averages,
        allow_backbone=flags.FLAGS.allow_backbone,
    ) as network:
        print(network.report)
        config = network.config
        keep_class_names(pathlib.Path(network.prefix).parent, pathlib.Path(target))
        if format_ == KERAS:
            save_keras(network.model, target, config=config)
            print(f"Wrote {target}: the network and its configuration.")
            return
        save_slim_checkpoint(
            network.model, target, config=config, step=network.step or 0
        )
        print(
            f"Wrote {target}.index and its data: {find_scope(config)}, for "
            f"research/deeplab with {describe_flags(config)}."
        )
        warn_of_conventions(config)


def keep_class_names(folder: pathlib.Path, target: pathlib.Path) -> None:
    """Copies the `dataset.json` of a run beside what is written, if there is none.

    Args:
        folder: of the checkpoint.
        target: of the conversion.
    """
    from deeplab_tf.data.dataset_json import FILE_NAME
    from deeplab_tf.data.text_files import replace_text

    source, copy = folder / FILE_NAME, target.parent / FILE_NAME
    if not source.is_file() or copy.resolve() == source.resolve():
        return
    text = source.read_text("utf-8")
    if copy.is_file() and copy.read_text("utf-8") != text:
        log.warning(
            "%s names other classes than %s, and is left as it is: name the data set "
            "of %s by --dataset or --dataset_dir.",
            *(copy, source, target),
        )
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    replace_text(copy, text)


def find_format(path: str, given: str | None) -> str:
    """Returns the format to write.

    Raises:
        ValueError: the path does not fit the format.
    """
    is_keras = pathlib.Path(path).suffix == ".keras"
    format_ = given or (KERAS if is_keras else TF1)
    if format_ == KERAS and not is_keras:
        raise ValueError(f"--export_path={path}: the path must end in .keras.")
    if format_ == TF1 and pathlib.Path(path).suffix in _OTHER_SUFFIXES:
        raise ValueError(
            f"--export_path={path}: {pathlib.Path(path).suffix} files are not written "
            "here. A path that ends in .keras gives a Keras file, another one is the "
            "prefix of a TensorFlow 1 checkpoint (folder/model.ckpt); export_model.py "
            "writes SavedModels, frozen graphs and TFLite files."
        )
    if format_ == TF1 and (is_keras or pathlib.Path(path).is_dir()):
        raise ValueError(
            f"--export_path={path}: a TensorFlow 1 checkpoint has a prefix, as "
            "folder/model.ckpt."
        )
    return format_


def describe_flags(config: Any) -> str:
    """Returns the original's flags for a network, where they are not its defaults."""
    from deeplab_tf.checkpoints.slim_options import format_options
    from deeplab_tf.cli.head_options import name_of_cell
    from deeplab_tf.cli.model_options import DEFAULTS, options_of

    options = {
        name: value
        for name, value in options_of(config).items()
        if value != DEFAULTS[name] or name == "model_variant"
    }
    if cell := options.get("dense_prediction_cell_json"):
        options["dense_prediction_cell_json"] = name_of_cell(cell)
    return format_options(options)


def warn_of_conventions(config: Any) -> None:
    """Warns of what a TensorFlow 1 checkpoint cannot tell research/deeplab."""
    if getattr(config.backbone, "input_scaling", None) is not None:
        log.warning(
            "The network scales pixels otherwise than research/deeplab, whose results "
            "will differ: %s.",
            config.backbone.input_scaling,
        )
    if config.head_style.resize != "align_corners":
        log.warning(
            "The network resizes as %r, and research/deeplab aligns corners: its "
            "results will differ.",
            config.head_style.resize,
        )


def main() -> None:
    """The console script."""
    define_flags()
    run_main(run)


if __name__ == "__main__":
    main()
