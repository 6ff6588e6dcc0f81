# Licensed under the Apache License, Version 2.0.
"""Draws the plot of the papers: mean IoU over the width of the trimap.

Reads what eval.py wrote with --trimap_widths: one or several eval.json, or their
folders, each a curve. --names calls the curves; otherwise they are called by what their
paths do not share. Writes a picture in the format of --output's suffix.
"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags as absl_flags
from PIL import Image

from deeplab_tf.cli.output_paths import check_writable
from deeplab_tf.cli.reporting import run_main

FLAGS = absl_flags.FLAGS

SCORES = {"mean_iou": "mean IoU", "pixel_accuracy": "pixel accuracy"}

Point = tuple[float, float]


def define_flags() -> None:
    """Defines the flags of this command."""
    absl_flags.DEFINE_string("output", "trimap.png", "Picture to write.")
    absl_flags.DEFINE_list(
        "names", [], "Names of the curves with commas between them, in their order."
    )
    absl_flags.DEFINE_enum("score", "mean_iou", list(SCORES), "What to draw.")


def run(arguments: Sequence[str] = ()) -> None:
    """Draws what the flags and arguments say."""
    output = _check_output(FLAGS.output)
    if not arguments:
        raise ValueError(
            "Name one or several eval.json, or the folders that hold them, as in "
            "plot_trimap runs/a/eval runs/b/eval."
        )
    names = FLAGS.names or default_names(arguments)
    if len(names) != len(arguments) or len(set(names)) != len(names):
        raise ValueError(
            f"--names must hold a name of its own for each of the {len(arguments)} "
            f"curves, got {', '.join(names)}."
        )
    trimaps = [read_trimap(path) for path in arguments]
    kinds = {trimap["around"] for trimap in trimaps}
    if len(kinds) > 1:
        found = ", ".join(
            f"{path} around {trimap['around']}"
            for path, trimap in zip(arguments, trimaps, strict=True)
        )
        raise ValueError(
            f"Curves of different trimaps cannot be compared: {found}. Evaluate all "
            "with the same --trimap_around."
        )
    curves = {
        name: points_of(trimap, score=FLAGS.score, path=path)
        for name, trimap, path in zip(names, trimaps, arguments, strict=True)
    }

    from deeplab_tf.visualization.overlay import save_picture
    from deeplab_tf.visualization.trimap_curve import draw_trimap_curves

    save_picture(draw_trimap_curves(curves, score=SCORES[FLAGS.score]), output)
    print(f"Written to {output}")


def _check_output(path: str) -> str:
    """Returns the path of a picture.

    Raises:
        ValueError: it has no suffix of a picture, or cannot be written.
    """
    if pathlib.Path(path).suffix.lower() not in Image.registered_extensions():
        raise ValueError(
            f"--output={path} must end as a picture does: give {path}.png."
        )
    if pathlib.Path(path).is_dir():
        raise ValueError(f"--output={path} is a folder: give the path of a picture.")
    check_writable(path, flag="output")
    return path


def read_trimap(path: str) -> dict[str, Any]:
    """Returns the trimap of an evaluation.

    Args:
        path: of an eval.json, or of the folder that holds it.

    Raises:
        ValueError: the file is no evaluation, or one without a trimap.
        OSError: there is no such file.
    """
    file = pathlib.Path(path)
    if file.is_dir():
        file /= "eval.json"
    try:
        document = json.loads(file.read_text("utf-8"))
        trimap = document.get("trimap")
        if trimap is not None:
            _check_trimap(trimap)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is no eval.json of eval.py.") from error
    if trimap is None:
        raise ValueError(
            f"{file} holds no trimap: evaluate again with "
            "--trimap_widths=1,2,4,8,16,32."
        )
    return trimap


def _check_trimap(trimap: Any) -> None:
    """Raises KeyError or TypeError if it is not what eval.py writes."""
    _ = trimap["around"]
    for band in trimap["bands"]:
        for value in (band["width"], *map(band.get, SCORES)):
            if not isinstance(value, int | float | None):
                raise TypeError(f"a number was expected, got {value!r}")


def points_of(trimap: dict[str, Any], *, score: str, path: str) -> list[Point]:
    """Returns width and score of the bands that hold pixels.

    Raises:
        ValueError: there is none.
    """
    points = [
        (band["width"], band[score])
        for band in trimap["bands"]
        if band.get(score) is not None
    ]
    if not points:
        raise ValueError(
            f"The trimap of {path} holds no pixel. Evaluate again with "
            "--trimap_around=labels."
        )
    return points


def default_names(paths: Sequence[str]) -> list[str]:
    """Returns what paths do not share at their beginning and end, for a legend."""
    parts = [[*pathlib.Path(path).parts] for path in paths]
    for position in (0, -1):
        while len({part[position] for part in parts}) == 1 and min(map(len, parts)) > 1:
            for part in parts:
                part.pop(position)
    return [str(pathlib.Path(*part)) for part in parts]


def main() -> None:
    """The console script."""
    define_flags()
    run_main(run, takes_arguments=True)


if __name__ == "__main__":
    main()
