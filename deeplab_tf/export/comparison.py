# Licensed under the Apache License, Version 2.0.
"""What a written file computes, beside what the model computes."""

import dataclasses
import json
import pathlib
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far an exported file agrees with the model it was made from.

    Attributes:
        path: the file or folder.
        format: "saved_model", "frozen_graph" or "tflite".
        images: number of images that were compared.
        pixels: number of pixels.
        equal_pixels: number of pixels with the same label.
        size_bytes: size of the file, or of all files in the folder.
    """

    path: str
    format: str
    images: int
    pixels: int
    equal_pixels: int
    size_bytes: int

    @property
    def agreement(self) -> float:
        """The share of pixels with the same label, 0 to 1."""
        return self.equal_pixels / self.pixels

    def __str__(self) -> str:
        return (
            f"{self.format}: {self.path} ({self.size_bytes / 1e6:.1f} MB), labels "
            f"equal to the model's on {100 * self.agreement:.3f} % of {self.pixels} "
            f"pixels of {self.images} images"
        )

    def save(self) -> pathlib.Path:
        """Writes the comparison beside the file and returns where."""
        path = pathlib.Path(f"{self.path}.comparison.json")
        values = dataclasses.asdict(self) | {"agreement": self.agreement}
        path.write_text(json.dumps(values, indent=2) + "\n", "utf-8")
        return path


def compare(
    path: pathlib.Path,
    format_: str,
    images: list[np.ndarray],
    *,
    exported: Callable[[np.ndarray], np.ndarray],
    model: Callable[[np.ndarray], np.ndarray],
) -> Comparison:
    """Runs an exported file and the model on the same images and saves the result.

    Args:
        path: the written file or folder.
        format_: its format.
        images: [N, H, W, 3] uint8 batches.
        exported: images -> labels [N, H, W] of the file.
        model: images -> labels [N, H, W] of the model.
    """
    equal = pixels = 0
    for batch in images:
        ours, theirs = np.asarray(exported(batch)), np.asarray(model(batch))
        if ours.shape != theirs.shape:
            raise ValueError(
                f"{path} returns labels of shape {ours.shape} where the model returns "
                f"{theirs.shape}: the export is broken."
            )
        equal += int((ours == theirs).sum())
        pixels += theirs.size
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
    comparison = Comparison(
        path=str(path),
        format=format_,
        images=sum(len(batch) for batch in images),
        pixels=pixels,
        equal_pixels=equal,
        size_bytes=sum(file.stat().st_size for file in files),
    )
    comparison.save()
    return comparison


def probe_images(*sizes: tuple[int, int, int], seed: int = 0) -> list[np.ndarray]:
    """Returns made images with structure at several scales, for a comparison.

    Args:
        *sizes: (number, height, width) of each batch.
        seed: of the generator.

    Returns:
        [N, H, W, 3] uint8 arrays.
    """
    generator = np.random.default_rng(seed)
    batches = []
    for number, height, width in sizes:
        image = np.zeros((number, height, width, 3))
        for cell in (64, 16, 4, 1):
            shape = (number, -(-height // cell), -(-width // cell), 3)
            noise = generator.normal(size=shape).repeat(cell, 1).repeat(cell, 2)
            image += noise[:, :height, :width] * 30
        batches.append(np.clip(image + 128, 0, 255).astype(np.uint8))
    return batches
