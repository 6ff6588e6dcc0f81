# Licensed under the Apache License, Version 2.0.
"""Data sets as they are published, with an image or two a split."""

import numpy as np
from PIL import Image

from deeplab_tf.data import label_files
from deeplab_tf.data.catalog.pascal_context import PASCAL_CONTEXT
from tests.data.mat_writer import compressed, mat_file, matrix_element

# Names of PASCAL-Context's labels.txt: more than the 59, in another order.
CONTEXT_NAMES = ["accordion", *sorted(PASCAL_CONTEXT.classes[1:]), "zebra"]
CONTEXT_LABELS = [["accordion", "wood"], ["sky", "dog"]]
PERSON_PARTS = np.array([[0, 1, 2], [3, 5, 6]], np.uint8)
COCO_LABELS = np.array([[0, 90], [181, 255]], np.uint8)


def write_pascal_context(root, *, voc):
    """Writes labels and names into `root`, images and lists into `voc`."""
    lists = voc / "ImageSets" / "Main"
    for folder in (lists, root / "trainval"):
        folder.mkdir(parents=True, exist_ok=True)
    numbers = {name: number for number, name in enumerate(CONTEXT_NAMES, start=1)}
    labels = np.array([[numbers[name] for name in row] for row in CONTEXT_LABELS])
    for split, name in {"train": "2008_000002", "val": "2008_000003"}.items():
        _write_image(voc / "JPEGImages" / f"{name}.jpg", size=(2, 2))
        path = root / "trainval" / f"{name}.mat"
        mat_file(path, matrix_element("LabelMap", labels))
        (lists / f"{split}.txt").write_text(f"{name}\n")
    # One of the lists of a single class.
    (lists / "dog_train.txt").write_text("2008_000002  1\n")
    lines = [f"{number}: {name}" for name, number in numbers.items()]
    (root / "labels.txt").write_text("\n".join(lines) + "\n")


def write_pascal_person_part(root, *, voc):
    """Writes labels and lists into `root`, images into `voc`."""
    lists = root / "pascal_person_part_trainval_list"
    lists.mkdir(parents=True)
    for split, name in {"train": "2008_000009", "val": "2008_000008"}.items():
        _write_image(voc / "JPEGImages" / f"{name}.jpg", size=(3, 2))
        path = root / "pascal_person_part_gt" / f"{name}.png"
        _write_labels(path, PERSON_PARTS)
        (lists / f"{split}_id.txt").write_text(f"{name}\n")
    # Lists of paths lie beside those of ids.
    (lists / "train.txt").write_text("/JPEGImages/2008_000009.jpg /x.png\n")


def write_coco_stuff_164k(root):
    """Writes COCO-Stuff as the archives of COCO 2017 unpack."""
    for split, number in {"train2017": 9, "val2017": 139}.items():
        _write_image(root / "images" / split / f"{number:012}.jpg", size=(2, 2))
        path = root / "annotations" / split / f"{number:012}.png"
        _write_labels(path, COCO_LABELS)


def write_coco_stuff_10k(root):
    """Writes COCO-Stuff as its archive of 10,000 images unpacks."""
    (root / "annotations").mkdir(parents=True)
    (root / "imageLists").mkdir()
    # 0 is unlabelled, and 1 the first class.
    labels = np.where(COCO_LABELS == 255, 0, COCO_LABELS.astype(int) + 1)
    for split, number in {"train": 77, "test": 825}.items():
        name = f"COCO_train2014_{number:012}"
        _write_image(root / "images" / f"{name}.jpg", size=(2, 2))
        data = compressed(matrix_element("S", labels))
        mat_file(root / "annotations" / f"{name}.mat", data)
        (root / "imageLists" / f"{split}.txt").write_text(f"{name}\n")


def _write_image(path, *, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (50, 60, 70)).save(path)


def _write_labels(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(label_files.encode_labels(labels))
