# Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.cli.plot_trimap import default_names
from tests.cli.command import run_command

BLUE, VERMILION = (0, 114, 178), (213, 94, 0)


def write_eval(folder, *, score=0.5, around="labels", bands=None):
    if bands is None:
        bands = [
            {"width": width, "mean_iou": score + width / 100, "pixel_accuracy": 0.9}
            for width in (1, 4, 16)
        ]
    folder.mkdir(parents=True, exist_ok=True)
    document = {"mean_iou": 0.7, "trimap": {"around": around, "bands": bands}}
    (folder / "eval.json").write_text(json.dumps(document))
    return folder


def plot(tmp_path, *args):
    return run_command("plot_trimap", f"--output={tmp_path / 'plot.png'}", *args)


def colors_of(path):
    with Image.open(path) as picture:
        return {color for _, color in picture.getcolors(1 << 24)}


def test_each_evaluation_is_a_curve(tmp_path):
    before = write_eval(tmp_path / "before")
    after = write_eval(tmp_path / "after", score=0.6) / "eval.json"
    result = plot(tmp_path, before, after)
    assert result.code == 0, result.err
    assert result.out == f"Written to {tmp_path / 'plot.png'}\n"
    assert {BLUE, VERMILION} <= colors_of(tmp_path / "plot.png")


def test_score_and_names_change_the_picture(tmp_path):
    folder = write_eval(tmp_path / "a")
    pictures = []
    for flag in ("--score=mean_iou", "--score=pixel_accuracy", "--names=other"):
        assert plot(tmp_path, folder, flag).code == 0
        with Image.open(tmp_path / "plot.png") as picture:
            pictures.append(np.asarray(picture))
    assert (pictures[0] != pictures[1]).any()
    assert (pictures[0] != pictures[2]).any()


def test_bands_without_pixels_are_left_out(tmp_path):
    bands = [{"width": 1, "mean_iou": None}, {"width": 2, "mean_iou": 0.5}]
    assert plot(tmp_path, write_eval(tmp_path / "a", bands=bands)).code == 0


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/a/eval/eval.json", "runs/b/eval/eval.json"], ["a", "b"]),
        (["runs/a/eval", "runs/a/eval_crf"], ["eval", "eval_crf"]),
        (["runs/a/eval", "runs/b/x/eval"], ["a", "b/x"]),
        (["eval", "runs/eval"], ["eval", "runs/eval"]),
        (["runs/a/eval"], ["eval"]),
    ],
    ids=str,
)
def test_curves_are_called_by_what_their_paths_do_not_share(paths, names):
    assert default_names(paths) == names


def no_trimap(folder):
    (folder / "eval.json").write_text('{"mean_iou": 0.5}')
    return [folder]


def no_evaluation(folder):
    (folder / "eval.json").write_text("[1, 2")
    return [folder]


def other_definition(folder):
    return [
        write_eval(folder / "a"),
        write_eval(folder / "b", around="void"),
    ]


def no_pixel(folder):
    return [write_eval(folder, bands=[{"width": 1, "mean_iou": None}])]


def damaged(text):
    """Returns what arranges an evaluation with such a trimap."""

    def arrange(folder):
        (folder / "eval.json").write_text(f'{{"trimap": {text}}}')
        return [folder]

    return arrange


@pytest.mark.parametrize(
    ("arrange", "message"),
    [
        (damaged('{"around": "labels"}'), "is no eval.json"),
        (damaged('{"bands": []}'), "is no eval.json"),
        (damaged('{"around": "labels", "bands": [3]}'), "is no eval.json"),
        (damaged('{"around": "labels", "bands": [{"width": "a"}]}'), "is no eval.json"),
        (lambda folder: [], "Name one or several eval.json"),
        (no_trimap, "holds no trimap: evaluate again with --trimap_widths"),
        (no_evaluation, "is no eval.json"),
        (other_definition, "different trimaps cannot be compared"),
        (no_pixel, "holds no pixel"),
        (lambda folder: [folder / "nothing.json"], "No such file"),
        (lambda folder: [write_eval(folder), "--names=a,b"], "of the 1 curves"),
        (lambda folder: [write_eval(folder)] * 2, "a name of its own"),
        (
            lambda folder: [write_eval(folder), f"--output={folder / 'plot'}"],
            "must end as a picture does",
        ),
    ],
)
def test_what_cannot_be_drawn_is_told(arrange, message, tmp_path):
    result = plot(tmp_path, *arrange(tmp_path))
    assert result.code == 1
    assert message in result.err
    assert not (tmp_path / "plot.png").exists()
