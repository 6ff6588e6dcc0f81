# Licensed under the Apache License, Version 2.0.
"""Writes pictures of predictions, with and without ground truth.

Under --vis_logdir, for each image by its number:
  segmentation_results/<number>_image.png, _prediction.png, as the original;
  _overlay.png, the prediction over the image; _panel.png, all side by side with a
  legend; _error.png, where it is wrong, if the split has labels;
  raw_segmentation_results/<image name>.png, class ids, if --also_save_raw_predictions;
  of Cityscapes those of its evaluation server, as the original.
"""

import itertools
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from deeplab_tf.cli import crf_flags, flags, prediction_flags
from deeplab_tf.cli.output_paths import check_folder
from deeplab_tf.cli.prediction_flags import Prediction, SplitFlags
from deeplab_tf.cli.progress import Progress
from deeplab_tf.cli.reporting import run_main

RESULTS_FOLDER = "segmentation_results"
RAW_FOLDER = "raw_segmentation_results"

_NAMES = SplitFlags(
    split="vis_split", crop_size="vis_crop_size", batch_size="vis_batch_size"
)
_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


def define_flags() -> None:
    """Defines the flags of this command."""
    prediction_flags.define("vis")


def run() -> None:
    """Visualises what the flags say."""
    flags.check_unused()
    crf_flags.check()
    folder = flags.value("vis_logdir")
    if not folder:
        raise ValueError("--vis_logdir must be given: the folder of the pictures.")
    check_folder(folder, flag="vis_logdir")

    def visualize_checkpoint(path: str) -> None:
        with prediction_flags.open_prediction(path, _NAMES) as prediction:
            print(prediction.network.report)
            visualize_split(prediction, pathlib.Path(folder))

    prediction_flags.for_each_checkpoint(
        visualize_checkpoint, limit=flags.value("max_number_of_iterations")
    )


def visualize_split(prediction: Prediction, folder: pathlib.Path) -> None:
    """Writes the pictures of a split.

    Raises:
        ValueError: labels are neither a class nor the ignore label; the message names
            the image.
    """
    palette = palette_of(prediction.info)
    progress = Progress(prediction.num_images)
    try:
        for number, (example, labels) in enumerate(predicted_examples(prediction)):
            name = os.fsdecode(example["image_name"])
            try:
                write_pictures(
                    example,
                    labels,
                    prefix=str(folder / RESULTS_FOLDER / f"{number:06d}"),
                    info=prediction.info,
                    palette=palette,
                )
            except ValueError as error:
                raise ValueError(f"image {name}: {error}") from error
            if flags.value("also_save_raw_predictions"):
                write_raw(
                    labels,
                    name,
                    folder / RAW_FOLDER,
                    evaluation_ids=prediction.info.evaluation_ids,
                )
            progress(number + 1)
    finally:
        progress.close()
    pictures = folder / RESULTS_FOLDER
    print(f"Pictures of {prediction.num_images} images are in {pictures}")


def predicted_examples(
    prediction: Prediction,
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yields examples of the split at their own size, each with its predicted labels.

    Yields:
        image [H, W, 3], image_name and, where there are any, labels [H, W]; and the
        prediction [H, W].
    """
    from deeplab_tf.config.data import DataConfig
    from deeplab_tf.data.pipeline import eval_dataset
    from deeplab_tf.inference.build_predictor import build_predictor

    network, evaluation = prediction.network, prediction.evaluation
    # The predictor resizes and brings labels back, so pictures have the image's size.
    predict = build_predictor(
        network.model,
        network.config,
        evaluation,
        image_size=prediction_flags.resizing(prediction.data),
    ).select(["labels"])
    examples = eval_dataset(prediction.source, DataConfig())
    for batch in prediction_flags.equal_size_batches(
        itertools.islice(examples, prediction.num_images),
        batch_size=evaluation.batch_size,
    ):
        predicted = np.asarray(predict(batch["image"])["labels"])
        arrays = cast(dict[str, np.ndarray], batch)
        for i, labels in enumerate(predicted):
            yield {name: values[i] for name, values in arrays.items()}, labels


def palette_of(info: Any) -> Any:
    """Returns the colours of --colormap_type; if not given, those of the data set.

    Raises:
        ValueError: a colour map has fewer colours than the data set has classes.
    """
    from deeplab_tf.data.catalog import get_dataset_info
    from deeplab_tf.visualization import palettes

    if not flags.is_given("colormap_type"):
        return info.palette
    name = flags.value("colormap_type")
    palette: Any
    if name == "ade20k":
        palette = get_dataset_info("ade20k").palette
    elif name == "cityscapes":
        palette = palettes.cityscapes_palette()
    else:
        palette = palettes.pascal_palette()
    if len(palette) < info.num_classes:
        raise ValueError(
            f"--colormap_type={name} has {len(palette)} colours, and data set "
            f"{info.name!r} has {info.num_classes} classes: leave the flag out."
        )
    return palette


def write_pictures(
    example: dict[str, np.ndarray],
    predicted: np.ndarray,
    *,
    prefix: str,
    info: Any,
    palette: Any,
) -> None:
    """Writes all pictures of one image.

    Args:
        example: image [H, W, 3] and, if there are any, labels [H, W].
        predicted: [H, W] class ids.
        prefix: path of the files, up to `_image.png` and so on.
        info: names of classes and the ignore label.
        palette: RGB colours of the ids.
    """
    from deeplab_tf.visualization import overlay, palettes

    image = overlay.to_uint8(example["image"])
    colored = palettes.color_labels(predicted, palette)
    laid_over = overlay.overlay(image, predicted, palette)
    columns = {"image": image, "prediction": colored, "overlay": laid_over}
    for name, picture in columns.items():
        overlay.save_picture(picture, f"{prefix}_{name}.png")
    maps = [predicted]
    legend: list[Any] = []
    if "labels" in example:
        labels = example["labels"]
        errors = overlay.error_map(labels, predicted, ignore_label=info.ignore_label)
        overlay.save_picture(errors, f"{prefix}_error.png")
        truth = palettes.color_labels(labels, palette, ignore_label=info.ignore_label)
        columns = {
            "image": image,
            "truth": truth,
            "prediction": colored,
            "errors": errors,
        }
        maps.append(labels[labels != info.ignore_label])
        legend += overlay.ERROR_LEGEND
    legend = [
        *overlay.class_legend(maps, class_names=info.classes, palette=palette),
        *legend,
    ]
    panel = overlay.panel(list(columns.values()), list(columns), legend=legend)
    overlay.save_picture(panel, f"{prefix}_panel.png")


def write_raw(
    labels: np.ndarray,
    image_name: str,
    folder: pathlib.Path,
    *,
    evaluation_ids: Sequence[int] = (),
) -> None:
    """Writes class ids as a PNG that is called as the image.

    Args:
        labels: [H, W] class ids.
        image_name: of the record; folders and suffix are left away.
        folder: where to.
        evaluation_ids: what to write for each class; (): its own id.
    """
    from deeplab_tf.visualization import overlay

    stem, suffix = os.path.splitext(os.path.basename(image_name))
    if suffix.lower() not in _IMAGE_SUFFIXES:
        stem += suffix
    if evaluation_ids:
        labels = np.asarray(evaluation_ids)[labels]
    overlay.save_labels(labels, folder / f"{stem}.png")


def main() -> None:
    """The console script."""
    define_flags()
    run_main(run)


if __name__ == "__main__":
    main()
