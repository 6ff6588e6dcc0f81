# Licensed under the Apache License, Version 2.0.
"""The ways by which files come in, each with a judge of what came out.

A door writes a mutated file, reads it as the project does, and compares with what an
independent reader (Pillow, protobuf) finds in the same bytes. It raises `Wrong` where
the two differ; other exceptions are the reader's own.
"""

import functools
import io
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from PIL import Image

from benchmarks.fuzz import corpus, outcomes, record_mutations
from deeplab_tf.config.data import DataConfig
from deeplab_tf.data import (
    file_examples,
    mask_files,
    photos,
    pipeline,
    schema,
    sources,
)
from deeplab_tf.data.catalog.shapes import SHAPES

_CROP = 33
# Two decoders of JPEG round differently, and where damage drives values far out of
# 0..255 they overflow differently: half of the pixels must be within the difference.
_JPEG_DIFFERENCE = 16
_JPEG_SHARE = 0.5
# Mean difference, in grey levels, within which pixels count as the undamaged ones.
_ABOUT = 8
Door = Callable[[pathlib.Path, np.random.Generator], str]


class Wrong(Exception):
    """What was read is not what the file holds."""


def read_records(folder: pathlib.Path, rng: np.random.Generator) -> str:
    """Reads a mutated record file as evaluation does."""
    name = _write_records(folder, rng)
    source = sources.open_source(folder, split="val", info=SHAPES)
    if not source.has_labels:
        # As evaluation says, when the first record holds none.
        raise ValueError(f"Evaluation needs labels, and {source.name} has none.")
    examples = list(pipeline.eval_dataset(source, DataConfig()).as_numpy_iterator())
    expected = _messages(next(folder.glob("val-*")).read_bytes())
    if not len(examples) == len(expected) == corpus.NUM_RECORDS:
        raise Wrong(f"{len(examples)} of {corpus.NUM_RECORDS} examples, and no error")
    for example, message in zip(examples, expected, strict=True):
        _check_example(example, message)
    return name


def train_on_records(folder: pathlib.Path, rng: np.random.Generator) -> str:
    """Reads a batch of a mutated record file as training does."""
    name = _write_records(folder, rng)
    source = sources.open_source(folder, split="val", info=SHAPES)
    batches = pipeline.train_dataset(
        source,
        DataConfig(dataset="shapes", crop_size=(_CROP, _CROP)),
        batch_size=corpus.NUM_RECORDS,
        padding_pixel=(127.5, 127.5, 127.5),
        ignore_label=SHAPES.ignore_label,
        seed=1,
    )
    batch = next(batches.as_numpy_iterator())
    if not np.isfinite(batch["image"]).all() or not _are_ids(batch["labels"]):
        raise Wrong("a batch with pixels or labels that there are not")
    return name


def read_folder(folder: pathlib.Path, rng: np.random.Generator) -> str:
    """Reads a folder with a mutated image or mutated labels."""
    names = [name for name in corpus.images() if name.endswith(("png", "jpg"))]
    names = [name for name in names if not name.startswith(("deep", "cmyk", "alpha"))]
    image, labels, name = _write_pair(folder, rng, images=names, labels=["grey.png"])
    source = sources.folder_source(image.parent, label_folder=labels.parent)
    (example,) = pipeline.eval_dataset(source, DataConfig()).as_numpy_iterator()
    _check_pixels(example["image"], image.read_bytes())
    _check_labels(example["labels"], labels.read_bytes(), known=False)
    return name


def build_records(folder: pathlib.Path, rng: np.random.Generator) -> str:
    """Makes an example of a mutated image or mutated labels."""
    image, labels, name = _write_pair(
        folder, rng, images=sorted(corpus.images()), labels=sorted(corpus.labels())
    )
    pair = file_examples.FilePair(
        name="a", image=image, labels=labels, named_by=folder / "val.txt"
    )
    record = file_examples.encode_pair(pair, info=SHAPES).record
    example = schema.decode_example(tf.constant(record))
    example = {key: value.numpy() for key, value in example.items()}
    if example["image"].shape[:2] != example["labels"].shape:
        raise Wrong("image and labels of different sizes")
    _check_pixels(example["image"], image.read_bytes(), turned=True)
    _check_labels(example["labels"], labels.read_bytes())
    return name


def predict_photo(folder: pathlib.Path, rng: np.random.Generator) -> str:
    """Reads a mutated photo as prediction does."""
    name = str(rng.choice(sorted(corpus.images())))
    data = record_mutations.damage_image(corpus.images()[name], rng)
    path = folder / name
    path.write_bytes(data)
    _check_pixels(photos.read_photo(path), data, turned=True)
    return name


def read_any_mask(folder: pathlib.Path, rng: np.random.Generator) -> str:
    """Reads a mutated mask as the builder of any folder does."""
    files = {**corpus.images(), **corpus.labels()}
    name = str(rng.choice(sorted(files)))
    data = record_mutations.damage_image(files[name], rng)
    path = folder / name
    path.write_bytes(data)
    mask = mask_files.read_mask(path)
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened)
        has_colors = opened.mode == "RGB"
    if mask.pixels.shape[:2] != expected.shape[:2]:
        raise Wrong("a mask of another size than Pillow finds")
    if has_colors and not np.array_equal(mask.pixels, expected):
        raise Wrong("other colours than Pillow finds")
    return name


DOORS: dict[str, Door] = {
    outcomes.READ: read_records,
    outcomes.TRAINED_ON: train_on_records,
    outcomes.FOLDER: read_folder,
    outcomes.BUILT: build_records,
    outcomes.PHOTO: predict_photo,
    outcomes.MASK: read_any_mask,
}


def _write_records(folder: pathlib.Path, rng: np.random.Generator) -> str:
    """Writes a mutated record file; returns what was done to it."""
    messages = corpus.messages(str(rng.choice(["PNG", "JPEG"])))
    name = str(rng.choice(list(record_mutations.MUTATIONS)))
    data = record_mutations.MUTATIONS[name](messages, rng)
    (folder / "val-00000-of-00001.tfrecord").write_bytes(data)
    return name


def _write_pair(
    folder: pathlib.Path,
    rng: np.random.Generator,
    *,
    images: list[str],
    labels: list[str],
) -> tuple[pathlib.Path, pathlib.Path, str]:
    """Writes an image and labels, one of them mutated; says which."""
    image_name, labels_name = str(rng.choice(images)), str(rng.choice(labels))
    image, ids = corpus.images()[image_name], corpus.labels()[labels_name]
    mutates_image = bool(rng.random() < 2 / 3)
    if mutates_image:
        image = record_mutations.damage_image(image, rng)
    else:
        ids = record_mutations.damage_image(ids, rng)
    image_path = folder / "images" / f"a{pathlib.Path(image_name).suffix}"
    if image_path.suffix not in (".png", ".jpg"):
        image_path = image_path.with_suffix(".png")
    labels_path = folder / "labels" / "a.png"
    for path, data in ((image_path, image), (labels_path, ids)):
        path.parent.mkdir()
        path.write_bytes(data)
    name = f"image {image_name}" if mutates_image else f"labels {labels_name}"
    return image_path, labels_path, name


def _messages(data: bytes) -> list[bytes]:
    """Returns the messages of a record file, by the lengths in it."""
    found = []
    while data:
        length = int.from_bytes(data[:8], "little")
        found.append(data[12 : 12 + length])
        data = data[16 + length :]
    return found


def _check_example(example: Mapping[str, Any], message: bytes) -> None:
    """Raises Wrong where an example is not what a message holds."""
    try:
        features = tf.train.Example.FromString(message).features.feature
    except DecodeError as error:
        # TensorFlow's own parser looks only at what it is asked for.
        if not _is_original(example["image"]):
            raise Wrong("read what protobuf cannot read") from error
    else:
        image, labels = (
            features[key].bytes_list.value[-1]
            for key in (schema.IMAGE_ENCODED, schema.LABELS_ENCODED)
        )
        _check_pixels(example["image"], image)
        _check_labels(example["labels"], labels)
    if example["image"].shape[:2] != example["labels"].shape:
        raise Wrong("image and labels of different sizes")


def _check_pixels(pixels: np.ndarray, data: bytes, *, turned: bool = False) -> None:
    """Raises Wrong unless pixels are what Pillow finds in a file."""
    if _is_original(pixels):
        return
    try:
        expected, is_lossy = _open_pixels(data)
    except Exception as error:
        raise Wrong(f"read what Pillow cannot read: {error!r}") from error
    turns = range(4) if turned else (0,)
    candidates = [np.rot90(expected, k) for k in turns]
    if not any(_same(pixels, candidate, is_lossy) for candidate in candidates):
        raise Wrong("other pixels than Pillow finds")


def _open_pixels(data: bytes) -> tuple[np.ndarray, bool]:
    """Returns the RGB pixels that Pillow finds, and whether their format is lossy."""
    with Image.open(io.BytesIO(data)) as opened:
        if opened.mode.startswith("I"):
            grey = (np.asarray(opened) // 256).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2), False
        return np.asarray(opened.convert("RGB")), opened.format == "JPEG"


def _same(pixels: np.ndarray, expected: np.ndarray, is_lossy: bool) -> bool:
    if not is_lossy or pixels.shape != expected.shape:
        return np.array_equal(pixels, expected)
    difference = np.abs(expected.astype(int) - pixels).max(axis=2)
    return float((difference <= _JPEG_DIFFERENCE).mean()) >= _JPEG_SHARE


def _is_original(pixels: np.ndarray) -> bool:
    """Returns whether pixels are those of one of the sound images, about."""
    return any(
        pixels.shape == original.shape
        and np.abs(original.astype(int) - pixels).mean() < _ABOUT
        for original in _originals()
    )


@functools.cache
def _originals() -> list[np.ndarray]:
    """Returns the pixels of the sound images, of records and as files."""
    drawn = [corpus.draw(index)[0] for index in range(corpus.NUM_RECORDS)]
    return drawn + [_open_pixels(data)[0] for data in corpus.images().values()]


def _check_labels(labels: np.ndarray, data: bytes, *, known: bool = True) -> None:
    """Raises Wrong unless labels are ids, and those that Pillow finds in a file."""
    if known and not _are_ids(labels):
        raise Wrong(f"labels {np.unique(labels)} of {SHAPES.num_classes} classes")
    if any(np.array_equal(labels, corpus.draw(i)[1]) for i in range(3)):
        return
    try:
        with Image.open(io.BytesIO(data)) as opened:
            kind = opened.mode
            expected = np.asarray(opened)
    except Exception as error:
        raise Wrong(f"read labels that Pillow cannot read: {error!r}") from error
    if kind not in ("L", "P", "I", "I;16", "1") or not np.array_equal(labels, expected):
        raise Wrong(f"other labels than Pillow finds, in a file of {kind}")


def _are_ids(labels: np.ndarray) -> bool:
    return bool(((labels < SHAPES.num_classes) | (labels == SHAPES.ignore_label)).all())
