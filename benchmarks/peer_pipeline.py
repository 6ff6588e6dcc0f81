# Licensed under the Apache License, Version 2.0.
"""The original's augmentation as a PyTorch DataLoader has it, on Pillow images.

A random scale of 0.5 to 2 in steps of 0.25, bilinear for the image and nearest for the
labels; padding to the crop; a random crop; a flip.
"""

import pathlib

import numpy as np
from PIL import Image

# Of torchvision's networks, times 255: it pads images smaller than the crop.
PADDING_PIXEL = (124, 116, 104)
IGNORE_LABEL = 255
_SCALES = tuple(0.5 + 0.25 * i for i in range(7))


class Photos:
    """The images and labels of a folder, a data set of the kind that has a length.

    Args:
        folder: holds `images/<name>.jpg` and `labels/<name>.png`.
        crop_size: height and width of an example.
    """

    def __init__(self, folder: pathlib.Path, *, crop_size: int):
        self._images = sorted((folder / "images").glob("*.jpg"))
        self._labels = [folder / "labels" / f"{p.stem}.png" for p in self._images]
        self._crop_size = crop_size

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int):
        """Returns an image [3, crop, crop] float32 and its labels [crop, crop]."""
        import torch

        image = Image.open(self._images[index]).convert("RGB")
        image, labels = _augment(
            image, Image.open(self._labels[index]), crop_size=self._crop_size
        )
        pixels = torch.from_numpy(image).permute(2, 0, 1).float()
        return pixels, torch.from_numpy(labels).long()


def build_loader(
    folder: pathlib.Path, *, batch_size: int, crop_size: int, num_workers: int
):
    """Returns the shuffled batches of a folder.

    Args:
        folder: see `Photos`.
        batch_size: images of a batch.
        crop_size: height and width of an example.
        num_workers: processes; 0 loads in this one.
    """
    import torch

    return torch.utils.data.DataLoader(
        Photos(folder, crop_size=crop_size),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
    )


def _augment(image: Image.Image, labels: Image.Image, *, crop_size: int) -> tuple:
    """Returns the pixels [crop, crop, 3] uint8 and labels [crop, crop] uint8."""
    scale = _SCALES[_draw(len(_SCALES))]
    size = (int(image.width * scale), int(image.height * scale))
    image = image.resize(size, Image.Resampling.BILINEAR)
    labels = labels.resize(size, Image.Resampling.NEAREST)
    left = _draw(max(size[0] - crop_size, 0) + 1)
    top = _draw(max(size[1] - crop_size, 0) + 1)
    box = (left, top, min(left + crop_size, size[0]), min(top + crop_size, size[1]))
    if box != (0, 0, *size):
        image, labels = image.crop(box), labels.crop(box)
    pixels = np.empty((crop_size, crop_size, 3), np.uint8)
    ids = np.full((crop_size, crop_size), IGNORE_LABEL, np.uint8)
    if image.size != (crop_size, crop_size):
        pixels[:] = PADDING_PIXEL
    pixels[: image.height, : image.width] = np.asarray(image)
    ids[: image.height, : image.width] = np.asarray(labels)
    if _draw(2):
        pixels, ids = pixels[:, ::-1], ids[:, ::-1]
    return np.ascontiguousarray(pixels), np.ascontiguousarray(ids)


def _draw(number: int) -> int:
    """Returns a random integer below a number; torch seeds each worker apart."""
    import torch

    return int(torch.randint(number, ()))
