# Licensed under the Apache License, Version 2.0.
"""Predicts photos: an image, a folder or a pattern.

--checkpoint_path is a checkpoint (prefix, folder or archive), an exported SavedModel, a
TFLite file or a frozen graph; --pretrained names a released one instead. Images are
given by --input, which may be repeated, or without a flag. Under --output_dir, for each
image:
  <name>_mask.png, class ids as a palette PNG, which viewers show in colours;
  <name>_overlay.png, these colours over the image, which shows as the background;
and class_shares.csv: image, class id, class, pixels, share of the image.
Files of these names are overwritten. An image that cannot be read is named and passed
over; the exit code is 1 then.
"""

import csv
import logging
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from absl import flags as absl_flags

from deeplab_tf.cli import crf_flags, flags, pretrained_flags, tile_flags
from deeplab_tf.cli.input_images import (
    MASK_ENDING,
    OVERLAY_ENDING,
    InputImage,
    find_images,
)
from deeplab_tf.cli.output_paths import check_folder
from deeplab_tf.cli.progress import Progress
from deeplab_tf.cli.reporting import describe, fail, run_main

# Also where it runs as a script of its own, which has another name.
log = logging.getLogger("deeplab_tf.cli.predict")

SHARES_FILE = "class_shares.csv"
SHARES_HEADER = ("image", "class_id", "class", "pixels", "share")

# Classes that a line of text names, the largest first.
_SHOWN_CLASSES = 3
_SHOWN_FAILURES = 5
# Pixels that are counted at a time: counting takes many times their memory.
_COUNTED_PIXELS = 1 << 22


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.define("resize", "model", "flip", "dataset")
    flags.define_named("checkpoint_path", "num_classes", "crop_size")
    flags.define_named("inference_scales")
    flags.define_prediction()
    pretrained_flags.define()
    absl_flags.DEFINE_multi_string(
        "input", [], "Image, folder or pattern to predict; repeated."
    )
    absl_flags.DEFINE_string("output_dir", None, "Folder of the results.")
    tile_flags.define()
    crf_flags.define()


def run(arguments: Sequence[str] = ()) -> None:
    """Predicts what the flags and arguments say."""
    flags.check_unused()
    crf_flags.check()
    folder = flags.FLAGS.output_dir
    if not pretrained_flags.is_network_given("checkpoint_path") or not folder:
        raise ValueError(
            "--checkpoint_path, or --pretrained, and --output_dir must be given."
        )
    check_folder(folder, flag="output_dir")
    images = find_images([*flags.FLAGS.input, *arguments], output_dir=folder)
    checkpoint = pretrained_flags.network_checkpoint("checkpoint_path", runs_files=True)

    # Imported late, so that wrong flags are told at once.
    from deeplab_tf.cli.any_network import open_any

    network = open_any(checkpoint)
    print(network.text, flush=True)
    failures = predict_images(network, images, pathlib.Path(folder))
    done = len(images) - len(failures)
    print(f"Masks and overlays of {done} images are in {folder}", flush=True)
    if failures:
        shown = "; ".join(failures[:_SHOWN_FAILURES])
        more = " ..." if len(failures) > _SHOWN_FAILURES else ""
        fail(f"{len(failures)} of {len(images)} images were passed over: {shown}{more}")


def predict_images(
    network: Any, images: Sequence[InputImage], folder: pathlib.Path
) -> list[str]:
    """Predicts images and writes their results.

    Args:
        network: of `cli.any_network`.
        images: what to predict.
        folder: where results go.

    Returns:
        What was wrong with each image that was passed over.

    Raises:
        OSError: a result cannot be written.
    """
    progress = Progress(len(images))
    done = 0
    predict = tile_flags.image_function(
        network,
        progress=lambda tile, tiles: progress(
            done + tile / tiles, note=f"tile {tile} of {tiles}"
        ),
    )
    failures: list[str] = []
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / SHARES_FILE).open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(SHARES_HEADER)
            for image in images:
                result = _predict_file(image, predict)
                progress.clear()
                if isinstance(result, str):
                    log.error("%s", result)
                    failures.append(result)
                else:
                    pixels, labels = result
                    write_pictures(pixels, labels, folder / image.name, network.dataset)
                    counts = count_classes(labels)
                    rows.writerows(share_rows(image.path, counts, network.dataset))
                    file.flush()
                    print(describe_image(image.path, counts, network.dataset))
                done += 1
                progress(done)
    finally:
        progress.close()
    return failures


def _predict_file(
    image: InputImage, predict: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | str:
    """Returns pixels and labels of an image, or what is wrong with it."""
    import tensorflow as tf

    from deeplab_tf.data.photos import read_photo

    try:
        pixels = read_photo(image.path)
    except (ValueError, OSError) as error:
        return describe(error)
    try:
        return pixels, predict(pixels)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        height, width = pixels.shape[:2]
        return (
            f"{image.path} of {height} x {width} pixels does not fit into memory: give "
            "--tile_size, or a smaller one"
        )


def write_pictures(
    image: np.ndarray, labels: np.ndarray, prefix: pathlib.Path, dataset: Any
) -> None:
    """Writes mask and overlay of an image.

    Args:
        image: [H, W, 3] uint8.
        labels: [H, W] class ids.
        prefix: path of the files, up to `_mask.png` and `_overlay.png`.
        dataset: colours of the classes.

    Raises:
        ValueError: there are fewer classes than the network predicts.
    """
    from deeplab_tf.visualization import overlay

    if labels.max() >= dataset.num_classes:
        raise ValueError(
            f"The network predicts class {labels.max()}, and data set "
            f"{dataset.name!r} has {dataset.num_classes}: name another by --dataset, "
            "or leave the flag out."
        )
    palette = dataset.palette
    overlay.save_labels(labels, f"{prefix}{MASK_ENDING}", palette=palette)
    # Where nothing was found the image shows.
    background = 0 if dataset.has_background else None
    laid_over = overlay.overlay(image, labels, palette, ignore_label=background)
    overlay.save_picture(laid_over, f"{prefix}{OVERLAY_ENDING}")


def count_classes(labels: np.ndarray) -> np.ndarray:
    """Returns how many pixels each class id has, up to the largest one.

    Args:
        labels: [H, W] class ids.
    """
    counts = np.zeros(int(labels.max()) + 1, np.int64)
    rows = max(1, _COUNTED_PIXELS // labels.shape[1])
    for top in range(0, len(labels), rows):
        part = labels[top : top + rows].ravel()
        counts += np.bincount(part, minlength=len(counts))
    return counts


def share_rows(
    path: pathlib.Path, counts: np.ndarray, dataset: Any
) -> list[tuple[str, int, str, int, str]]:
    """Returns the rows of `class_shares.csv`: the classes that an image has."""
    total = int(counts.sum())
    return [
        (
            str(path),
            class_id,
            dataset.classes[class_id],
            pixels,
            f"{pixels / total:.6f}",
        )
        for class_id, pixels in enumerate(counts.tolist())
        if pixels
    ]


def describe_image(path: pathlib.Path, counts: np.ndarray, dataset: Any) -> str:
    """Returns in one line which classes take most of an image."""
    largest = np.argsort(-counts, kind="stable")[:_SHOWN_CLASSES].tolist()
    shares = [
        f"{dataset.classes[i]} {100 * counts[i] / counts.sum():.1f} %"
        for i in largest
        if counts[i]
    ]
    return f"{path}: {', '.join(shares)}"


def main() -> None:
    """The console script."""
    define_flags()
    run_main(run, takes_arguments=True)


if __name__ == "__main__":
    main()
