# Licensed under the Apache License, Version 2.0.
"""A folder with small data under the names that the documentation uses."""

import contextlib
import importlib.util
import os
import runpy
import shlex
import shutil
import subprocess
import sys
import tarfile
from unittest import mock

import numpy as np
from absl import app
from PIL import Image

import deeplab_tf as deeplab
from deeplab_tf.checkpoints.download import CACHE_VARIABLE
from deeplab_tf.data import shapes
from deeplab_tf.visualization import palettes
from tests.checkpoints.tf_checkpoints import slim_vgg, write_checkpoint
from tests.cli.command import FLAGS, fresh_flags, kept_logging
from tests.cli.tf1_checkpoint import write_tf1_checkpoint
from tests.conftest import ROOT
from tests.datasets import small_releases
from tests.docs import command_table, pages

# Networks of released archives, which hold a folder called like them without the date.
VOC_NETWORK = ("deeplabv3_mnv2_pascal_train_aug", "2018_01_29")
ADE20K_NETWORK = ("deeplabv3_mnv2_ade20k_train", "2018_12_03")
_IMAGE_SIZE = 65


class Workspace:
    """Runs pages of the documentation; what is repeated runs once.

    Args:
        folder: an empty folder, which takes data and results.
    """

    def __init__(self, folder):
        self.folder = folder
        self._errors = {}
        _write_voc(folder / "VOCdevkit" / "VOC2012")
        _write_camvid(folder / "camvid")
        _write_fields(folder / "fields")
        _write_photos(folder)
        _write_cityscapes(folder / "cityscapes")
        _write_ade20k(folder / "ADE20K" / "ADEChallengeData2016")
        voc2010 = folder / "VOCdevkit" / "VOC2010"
        context, parts = folder / "pascal_context", folder / "pascal_person_part"
        small_releases.write_pascal_context(context, voc=voc2010)
        small_releases.write_pascal_person_part(parts, voc=voc2010)
        small_releases.write_coco_stuff_164k(folder / "cocostuff")
        small_releases.write_coco_stuff_10k(folder / "cocostuff-10k")
        # As many channels as fit LargeFOV.
        write_checkpoint(folder / "vgg_16.ckpt", slim_vgg(channels=1024, kernel_size=3))
        voc2012 = deeplab.DeepLabV3Config(num_classes=21)
        _write_official_checkpoint(folder, *VOC_NETWORK, config=voc2012)
        ade20k = deeplab.get_recipe("deeplab_v3plus_mobilenet_v2_ade20k").model
        _write_official_checkpoint(folder, *ADE20K_NETWORK, config=ade20k)

    def run_page(self, page):
        # Released files that a page names are here already.
        with mock.patch.dict(os.environ, {CACHE_VARIABLE: str(self.folder)}):
            self._run_blocks(page)

    def _run_blocks(self, page):
        for block in pages.read_blocks(page):
            if block.language == "bash":
                for command in block.commands:
                    self._run_once(command, lambda text=command: self._run_bash(text))
            elif block.language == "python":
                self._run_once(block.text, lambda block=block: self._run_python(block))

    def _run_once(self, text, run):
        """Runs what is new; what failed once is not tried again."""
        if text not in self._errors:
            self._errors[text] = "It failed on a page before."
            run()
            self._errors[text] = None
        assert self._errors[text] is None, f"{text}\n{self._errors[text]}"

    def _run_bash(self, command):
        kind = classify(command)
        if kind == "made":
            return
        words = shlex.split(command)
        if kind == "pip":
            self._run_pip([*words[1:], *command_table.PIP_FLAGS[command]])
        elif kind == "module":
            extra = command_table.EXTRA_FLAGS.get(f"-m {words[2]}", ())
            run_in_process([*words[3:], *extra], folder=self.folder, module=words[2])
        else:
            extra = command_table.EXTRA_FLAGS.get(words[1], ())
            run_in_process([*words[2:], *extra], folder=self.folder, script=words[1])

    def _run_pip(self, words):
        if importlib.util.find_spec("setuptools") is None:
            return  # Python 3.12 and newer: a build needs the network.
        checkout = self.folder / "checkout"
        if not checkout.exists():
            checkout.mkdir()
            shutil.copytree(
                ROOT / "deeplab_tf",
                checkout / "deeplab_tf",
                ignore=shutil.ignore_patterns("__pycache__"),
            )
            for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
                shutil.copy(ROOT / name, checkout)
        _check_run([sys.executable, *words], folder=checkout)

    def _run_python(self, block):
        code = substitute(block.text)
        if any(text in code for text in command_table.OWN_PROCESS):
            _check_run([sys.executable, "-c", code], folder=self.folder)
            return
        # As many lines in front as the page has, so that errors name the right one.
        code = compile("\n" * (block.line - 1) + code, block.page, "exec")
        with contextlib.chdir(self.folder), kept_logging():
            exec(code, {"__name__": "__main__"})


def classify(command):
    """Returns how a command is tried: "script", "module", "pip", "made" or None."""
    words = shlex.split(command)
    if command in command_table.MADE:
        return "made"
    if command in command_table.PIP_FLAGS:
        return "pip"
    if words[:2] == ["python", "-m"] and words[2].startswith("deeplab_tf."):
        return "module"
    if words[0] == "python" and (ROOT / words[1]).is_file():
        return "script"
    return None


def substitute(code):
    """Returns a block of Python as it is tried."""
    for text, replacement in command_table.PYTHON_SUBSTITUTIONS.items():
        code = code.replace(text, replacement)
    return code


def run_in_process(arguments, *, folder, script=None, module=None):
    """Runs a script or module as `python` would, without another TensorFlow start."""
    with (
        contextlib.chdir(folder),
        fresh_flags(),
        _own_flags_removed(),
        kept_logging(),
        mock.patch.object(sys, "argv", [script or module, *arguments]),
    ):
        try:
            if script is not None:
                runpy.run_path(str(ROOT / script), run_name="__main__")
            else:
                # Of a module that is imported already, its main is what -m would run.
                __import__(module)
                sys.modules[module].main()
            code = 0
        except SystemExit as error:
            code = error.code or 0
    assert code == 0, f"{script or module} {shlex.join(arguments)} ended with {code}"


@contextlib.contextmanager
def _own_flags_removed():
    """Takes away the flags that a script defines itself."""
    # absl defines its own once in a process: they are to stay.
    app.define_help_flags()
    before = set(FLAGS)
    try:
        yield
    finally:
        for name in set(FLAGS) - before:
            delattr(FLAGS, name)


def _check_run(words, *, folder):
    done = subprocess.run(
        words,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stderr[-3000:]}"


def _draw(index):
    return shapes.draw_example("train", index=index, seed=0, image_size=_IMAGE_SIZE)


def _write_example(index, *, image_path, labels_path, labels_of, palette=None):
    """Writes a drawn image and its labels, as `labels_of` changes their ids."""
    image, labels = _draw(index)
    picture = Image.fromarray(labels_of(labels).astype(np.uint8))
    if palette is not None:
        picture.putpalette(palette.astype(np.uint8).ravel().tolist())
    for path in (image_path, labels_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(image_path)
    picture.save(labels_path)


def _write_voc(root):
    names = ("2007_000032", "2007_000039", "2007_000033")
    for i, name in enumerate(names):
        _write_example(
            i,
            image_path=root / "JPEGImages" / f"{name}.jpg",
            labels_path=root / "SegmentationClass" / f"{name}.png",
            labels_of=lambda labels: labels,
            palette=palettes.pascal_palette()[:256],
        )
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    splits = {"train": names[:2], "val": names[2:], "trainval": names}
    for split, members in splits.items():
        (lists / f"{split}.txt").write_text("\n".join(members) + "\n")


def _write_camvid(root):
    splits = {"train": ("0001TP_006690", "0001TP_006720"), "val": ("0016E5_07959",)}
    for split, names in splits.items():
        for i, name in enumerate(names):
            _write_example(
                i,
                image_path=root / split / f"{name}.jpg",
                labels_path=root / f"{split}annot" / f"{name}.png",
                labels_of=lambda labels: np.where(labels == 255, 11, labels),
            )
        (root / f"{split}.txt").write_text("\n".join(names) + "\n")


def _write_fields(root):
    """Writes masks in colours, with the table that the documentation shows."""
    (table,) = (
        block.text
        for block in pages.read_blocks("g3doc/your_own_data.md")
        if block.text.startswith("# name red green blue\n")
    )
    colors = [line.rsplit(" ", 3)[1:] for line in table.splitlines()[1:]]
    for split, names in {"train": ("north", "south"), "val": ("east",)}.items():
        for i, name in enumerate(names):
            _write_example(
                i,
                image_path=root / "images" / f"{name}.jpg",
                labels_path=root / "labels" / f"{name}.png",
                labels_of=lambda labels: np.array(colors, int)[labels % len(colors)],
            )
        (root / f"{split}.txt").write_text("\n".join(names) + "\n")
    (root / "colors.txt").write_text(table)


def _write_photos(folder):
    """Writes photos with masks in black and white, and one photo more."""
    for i in range(4):
        _write_example(
            i,
            image_path=folder / "photos" / "images" / f"{i}.jpg",
            labels_path=folder / "photos" / "masks" / f"{i}.png",
            labels_of=lambda labels: 255 * (labels > 0),
        )
    shutil.copy(folder / "photos" / "images" / "0.jpg", folder / "photo.jpg")


def _write_cityscapes(root):
    for i, (split, kind) in enumerate(
        (("train", "labelTrainIds"), ("val", "labelIds"))
    ):
        name = f"ulm_{i:06}_000019"
        _write_example(
            i,
            image_path=root / "leftImg8bit" / split / "ulm" / f"{name}_leftImg8bit.png",
            labels_path=root / "gtFine" / split / "ulm" / f"{name}_gtFine_{kind}.png",
            labels_of=lambda labels: labels,
        )


def _write_ade20k(root):
    for i, split in enumerate(("training", "validation")):
        _write_example(
            i,
            image_path=root / "images" / split / f"ADE_{i:08}.jpg",
            labels_path=root / "annotations" / split / f"ADE_{i:08}.png",
            labels_of=lambda labels: labels % 151,
        )


def _write_official_checkpoint(folder, name, date, *, config):
    """Writes a network as the released archive names it, with its own weights."""
    (folder / name).mkdir()
    prefix = folder / name / "model.ckpt-30000"
    write_tf1_checkpoint(deeplab.build_model(config), prefix, step=30000)
    with tarfile.open(folder / f"{name}_{date}.tar.gz", "w:gz") as archive:
        archive.add(folder / name, arcname=name)
