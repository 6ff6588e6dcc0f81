# Licensed under the Apache License, Version 2.0.
"""What the readers of all kinds of files have in common."""

from collections.abc import Iterator, Mapping

import numpy as np

from deeplab_tf.config.pixel_scaling import PixelScaling
from deeplab_tf.config.recipe import ModelConfig


class TensorReader(Mapping[str, np.ndarray]):
    """The tensors of a file by name; a subclass says how one is read.

    Attributes:
        path: of the file.
        shapes: name -> shape, known without reading the values.
        config: of the network, where the file holds it.
        input_scaling: of the pixels, where the file says it.
        resize: convention of its bilinear resizing (see `ConvStyle`), where it says it.
        has_folded_norm: whether batch norms are a part of kernels and biases: then
            tensors are named `<scope>/weights`, `<scope>/depthwise_weights`, and
            `<scope>/folded_bias`, or `<scope>/biases` of a layer that is known to have
            had no batch norm.
    """

    path: str
    shapes: dict[str, tuple[int, ...]]
    config: ModelConfig | None = None
    input_scaling: PixelScaling | None = None
    resize: str | None = None
    has_folded_norm: bool = False

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)
