# Licensed under the Apache License, Version 2.0.
"""The demo: trains, evaluates, visualises, exports and predicts, in minutes."""

import json
import pathlib
import shutil
import time
from typing import Any

import numpy as np
from absl import flags as absl_flags

from deeplab_tf.cli import reporting

FLAGS = absl_flags.FLAGS

# Tells a folder of the demo from any other.
_MARKER = ".deeplab_tf_demo"
# Images in the panel, and images on which the exported files are compared.
_PANEL_IMAGES = 4
_COMPARED_IMAGES = 50


def define_flags() -> None:
    """Defines the flags of this command."""
    absl_flags.DEFINE_string(
        "output_dir",
        "runs/demo",
        "Folder of the demo; an earlier demo there is replaced.",
    )
    absl_flags.DEFINE_string(
        "recipe", "deeplab_v3plus_mobilenet_v2_shapes", "Recipe to run."
    )
    absl_flags.DEFINE_multi_string(
        "set", [], "Field of the recipe to change, a.b=value; repeated."
    )


def run() -> None:
    """Runs the demo and writes its summary."""
    started = time.monotonic()
    folder = pathlib.Path(FLAGS.output_dir)
    _clear(folder)

    from deeplab_tf.data.catalog import get_dataset_info
    from deeplab_tf.recipes import get_recipe
    from deeplab_tf.training.train import train

    recipe = get_recipe(FLAGS.recipe).override(*FLAGS.set)
    info = get_dataset_info(recipe.data.dataset)
    _say(f"1/4 Training {recipe.name} on drawn images, {recipe.train.steps} steps.")
    result = train(recipe, workdir=folder / "train", write=_say)

    if result.interrupted_by:
        reporting.fail(
            f"{result.interrupted_by} at step {result.step}: the demo is not complete.",
            code=reporting.SIGNAL_CODES[result.interrupted_by],
        )

    _say(f"2/4 Evaluating on the {recipe.data.eval_split} split, which it never saw.")
    checkpoint = str(result.best_checkpoint or result.checkpoint)
    model, predict = _load(recipe, checkpoint)
    report = _evaluate(recipe, info, predict)
    report.save(folder)
    print(report.to_table(), flush=True)

    panel = folder / "panel.png"
    _say(f"3/4 Pictures: {panel}")
    _draw_panel(recipe, info, predict, panel)

    _say("4/4 Exporting a SavedModel and a TFLite file, and predicting with both.")
    exported = _export(recipe, info, model, folder)
    agreement = _compare(recipe, predict, exported)
    seconds = time.monotonic() - started
    summary = {
        "miou": report.mean_iou,
        "steps": result.step,
        "seconds": seconds,
        "saved_model": str(exported["saved_model"]),
        "tflite": str(exported["tflite"]),
        "overlay": str(panel),
        "checkpoint": checkpoint,
        "class_iou": dict(zip(info.classes, report.scores.class_iou, strict=True)),
        "agreement": agreement,
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", "utf-8")
    _print_summary(summary, folder)


def _clear(folder: pathlib.Path) -> None:
    """Makes an empty folder; replaces only what an earlier demo left there."""
    marker = folder / _MARKER
    if folder.exists() and any(folder.iterdir()) and not marker.is_file():
        raise ValueError(
            f"--output_dir={folder} is not empty and holds no earlier demo: name "
            "another folder."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.write_text("The demo of deeplab_tf replaces this folder.\n", "utf-8")


def _say(text: str) -> None:
    print(text, flush=True)


def _load(recipe: Any, checkpoint: str) -> tuple[Any, Any]:
    """Returns the trained network and its predictor."""
    from deeplab_tf.checkpoints.load import load_checkpoint
    from deeplab_tf.inference.build_predictor import build_predictor
    from deeplab_tf.models import build_model

    model = build_model(recipe.model)
    load_checkpoint(model, checkpoint)
    return model, build_predictor(model, recipe.model, recipe.evaluation)


def _examples(recipe: Any, *, count: int | None = None) -> Any:
    """Returns the unseen examples."""
    from deeplab_tf.data import pipeline, sources
    from deeplab_tf.data.catalog import get_dataset_info

    info = get_dataset_info(recipe.data.dataset)
    source = sources.open_source(None, split=recipe.data.eval_split, info=info)
    examples = pipeline.eval_dataset(source, recipe.data)
    return examples if count is None else examples.take(count)


def _evaluate(recipe: Any, info: Any, predict: Any) -> Any:
    from deeplab_tf.evaluation.evaluate import evaluate

    return evaluate(
        predict,
        _examples(recipe),
        num_classes=info.num_classes,
        ignore_label=info.ignore_label,
        class_names=info.classes,
        details={"recipe": recipe.name, "split": recipe.data.eval_split},
    )


def _draw_panel(recipe: Any, info: Any, predict: Any, path: pathlib.Path) -> None:
    """Writes image | truth | prediction of some unseen images."""
    from deeplab_tf.visualization import overlay
    from deeplab_tf.visualization.palettes import color_labels

    images, truths, predictions = [], [], []
    label_maps = []
    for example in _examples(recipe, count=_PANEL_IMAGES):
        image, labels = example["image"].numpy(), example["labels"].numpy()
        found = predict(image)["labels"].numpy()
        images.append(image)
        truths.append(
            color_labels(labels, info.palette, ignore_label=info.ignore_label)
        )
        predictions.append(color_labels(found, info.palette))
        label_maps += [labels, found]
    picture = overlay.panel(
        [images, truths, predictions],
        ["image", "truth", "prediction"],
        legend=overlay.class_legend(
            label_maps, class_names=info.classes, palette=info.palette
        ),
    )
    overlay.save_picture(picture, path)


def _export(
    recipe: Any, info: Any, model: Any, folder: pathlib.Path
) -> dict[str, pathlib.Path]:
    from deeplab_tf.export.saved_model import export_saved_model
    from deeplab_tf.export.tflite import export_tflite

    paths = {
        "saved_model": folder / "export" / "saved_model",
        "tflite": folder / "export" / "model.tflite",
    }
    options = {
        "config": recipe.model,
        "evaluation": recipe.evaluation,
        "dataset": info,
    }
    _say(f"  {export_saved_model(model, paths['saved_model'], **options)}")
    _say(f"  {export_tflite(model, paths['tflite'], **options)}")
    return paths


def _compare(
    recipe: Any, predict: Any, paths: dict[str, pathlib.Path]
) -> dict[str, float]:
    """Returns the share of pixels of unseen images on which each file agrees."""
    import tensorflow as tf

    from deeplab_tf.export.tflite import load_tflite

    serve = tf.saved_model.load(str(paths["saved_model"])).signatures["serving_default"]
    run_tflite = load_tflite(paths["tflite"])
    equal = {"saved_model": 0, "tflite": 0}
    pixels = 0
    for example in _examples(recipe, count=_COMPARED_IMAGES):
        images = example["image"].numpy()[np.newaxis]
        labels = predict(images)["labels"].numpy()
        served = serve(ImageTensor=tf.constant(images))["SemanticPredictions"].numpy()
        equal["saved_model"] += int((served == labels).sum())
        equal["tflite"] += int((run_tflite(images) == labels).sum())
        pixels += labels.size
    return {name: count / pixels for name, count in equal.items()}


def _print_summary(summary: dict[str, Any], folder: pathlib.Path) -> None:
    rows = [
        ("steps", f"{summary['steps']}"),
        ("seconds", f"{summary['seconds']:.0f}"),
        *((f"IoU {name}", f"{iou:.4f}") for name, iou in summary["class_iou"].items()),
        ("mean IoU", f"{summary['miou']:.4f}"),
        ("SavedModel", _artefact(summary, "saved_model")),
        ("TFLite", _artefact(summary, "tflite")),
        ("panel", summary["overlay"]),
        ("checkpoint", summary["checkpoint"]),
        ("summary", str(folder / "summary.json")),
    ]
    width = max(len(name) for name, _ in rows)
    print("\n" + "\n".join(f"{name:{width}}  {value}" for name, value in rows))


def _artefact(summary: dict[str, Any], name: str) -> str:
    share = 100 * summary["agreement"][name]
    return f"{summary[name]} (labels as the model's on {share:.3f} % of pixels)"


def main() -> None:
    """The console script."""
    define_flags()
    reporting.run_main(run)


if __name__ == "__main__":
    main()
