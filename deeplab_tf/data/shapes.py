# Licensed under the Apache License, Version 2.0.
"""Draws the data set `shapes`: noisy, shaded, overlapping shapes on textures.

The shape says which class an object is. Its colour only hints at it: every class has
a preferred hue, but hues scatter so widely that those of different classes overlap.
"""

import colorsys
import zlib

import numpy as np
from PIL import Image

BACKGROUND, DISC, SQUARE, TRIANGLE, RING, LINE = range(6)

# Probability of each class per object. Rings are the rare class, lines the thin one.
PROBABILITIES = {DISC: 0.23, SQUARE: 0.23, TRIANGLE: 0.23, RING: 0.11, LINE: 0.20}

# Middle of the hues of a class, in turns.
HUES = {DISC: 0.02, SQUARE: 0.60, TRIANGLE: 0.33, RING: 0.14, LINE: 0.80}
# Standard deviation of the hues within a class, in turns: a hint, no more.
HUE_DEVIATION = 0.07

MIN_RADIUS_FRACTION = 0.11
MAX_RADIUS_FRACTION = 0.30
# Half of the width of the ignored border around an object, in pixels.
BORDER = 1.5
IGNORE_LABEL = 255


def draw_example(
    split: str, *, index: int, seed: int = 0, image_size: int = 97
) -> tuple[np.ndarray, np.ndarray]:
    """Draws one example, the same for the same arguments.

    Args:
        split: any name; splits share no example.
        index: number of the example in its split.
        seed: of the whole data set.
        image_size: height and width.

    Returns:
        image uint8 [image_size, image_size, 3] RGB, labels uint8 of the same height
        and width: ids of `deeplab_tf.data.catalog.shapes`, 255 on borders.
    """
    if image_size < 16:
        raise ValueError(f"image_size must be at least 16, got {image_size}.")
    random = np.random.default_rng([seed, zlib.crc32(split.encode()), index])
    grid = np.arange(image_size, dtype=np.float32)
    x, y = grid[np.newaxis, :], grid[:, np.newaxis]
    image = _texture(random, size=image_size)
    labels = np.full((image_size, image_size), BACKGROUND, np.uint8)
    classes = list(PROBABILITIES)
    for _ in range(random.integers(2, 7)):
        label = int(random.choice(classes, p=list(PROBABILITIES.values())))
        # Large and small objects are equally frequent on a logarithmic scale.
        low, high = np.log([MIN_RADIUS_FRACTION, MAX_RADIUS_FRACTION])
        radius = float(np.exp(random.uniform(low, high))) * image_size
        center = random.uniform(0, image_size, 2)
        angle = random.uniform(0, 2 * np.pi)
        dx, dy = x - np.float32(center[0]), y - np.float32(center[1])
        u = np.float32(np.cos(angle)) * dx + np.float32(np.sin(angle)) * dy
        v = np.float32(np.cos(angle)) * dy - np.float32(np.sin(angle)) * dx
        distance = _distance(random, label, u=u, v=v, radius=radius)
        color = _surface(random, label, u=u, v=v, radius=radius)
        cover = np.clip(0.5 - distance, 0, 1)[:, :, np.newaxis]
        image += cover * (color - image)
        labels[distance < BORDER] = IGNORE_LABEL
        labels[distance < -BORDER] = label
    image += random.standard_normal(image.shape, np.float32) * random.uniform(3, 12)
    return np.clip(image, 0, 255).astype(np.uint8), labels


def _distance(
    random: np.random.Generator,
    label: int,
    *,
    u: np.ndarray,
    v: np.ndarray,
    radius: float,
) -> np.ndarray:
    """Returns the signed distance to an object's outline, negative inside.

    Args:
        random: draws proportions.
        label: class of the object.
        u: [H, W] coordinates along the object's first axis, in pixels.
        v: [H, W] coordinates along its second axis.
        radius: size of the object in pixels.
    """
    if label == DISC:
        return np.hypot(u, v) - radius
    if label == SQUARE:
        half = np.float32(0.85 * radius)
        return np.maximum(np.abs(u) - half, np.abs(v) - half)
    if label == TRIANGLE:
        side = np.float32(np.sqrt(0.75)) * np.abs(u) + 0.5 * v
        return np.maximum(side, -v) - np.float32(0.55 * radius)
    if label == RING:
        width = np.float32(max(3.0, 0.22 * radius))
        return np.abs(np.hypot(u, v) - max(radius - width, 2 * width)) - width
    length = np.float32(2.2 * radius)
    width = np.float32(random.uniform(2.4, 3.8))
    beyond = np.maximum(np.abs(u) - length, 0)
    return np.hypot(beyond, v) - width


def _surface(
    random: np.random.Generator,
    label: int,
    *,
    u: np.ndarray,
    v: np.ndarray,
    radius: float,
) -> np.ndarray:
    """Returns the [H, W, 3] colours of an object: a hue, shaded and striped."""
    hue = HUES[label] + random.normal(0, HUE_DEVIATION)
    saturation, value = random.uniform(0.35, 0.95), random.uniform(0.45, 0.95)
    color = np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value), np.float32) * 255
    shade = 1 + np.float32(random.uniform(-0.35, 0.35) / radius) * u
    period = np.float32(random.uniform(4, 12))
    stripes = np.float32(random.uniform(0, 0.15)) * np.sin(v * (2 * np.pi / period))
    return np.clip(shade + stripes, 0.4, 1.6)[:, :, np.newaxis] * color


def _texture(random: np.random.Generator, *, size: int) -> np.ndarray:
    """Returns a [size, size, 3] float32 background: two colours mixed by noise."""
    mix = np.zeros((size, size), np.float32)
    for cells, weight in ((4, 0.6), (14, 0.4)):
        noise = Image.fromarray(random.random((cells, cells), np.float32))
        mix += weight * np.asarray(noise.resize((size, size), Image.Resampling.BICUBIC))
    colors = []
    for _ in range(2):
        hue, saturation, value = random.uniform((0, 0, 0.15), (1, 0.5, 0.9))
        colors.append(
            np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32) * 255
        )
    return colors[0] + mix[:, :, np.newaxis] * (colors[1] - colors[0])
