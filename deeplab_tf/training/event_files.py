# Licensed under the Apache License, Version 2.0.
"""Event files for TensorBoard, written without it."""

import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf


class EventWriter:
    """Scalars and images for TensorBoard, which need not be installed here.

    Args:
        folder: where the event file goes.
    """

    def __init__(self, folder: str | os.PathLike):
        self._writer = tf.summary.create_file_writer(os.fspath(folder))

    def write_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers by name."""
        metadata = _metadata("scalars")
        with self._writer.as_default():
            for name, value in values.items():
                tensor = tf.constant(value, tf.float32)
                tf.summary.write(name, tensor, step=step, metadata=metadata)
        self._writer.flush()

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes a picture, [H, W, 3] uint8."""
        height, width = image.shape[:2]
        parts = [str(width), str(height), tf.io.encode_png(image)]
        with self._writer.as_default():
            tf.summary.write(
                name, tf.stack(parts), step=step, metadata=_metadata("images")
            )
        self._writer.flush()

    def close(self) -> None:
        """Closes the event file."""
        self._writer.close()


def _metadata(plugin: str) -> tf.compat.v1.SummaryMetadata:
    """Returns what tells TensorBoard how to show a value."""
    data = tf.compat.v1.SummaryMetadata.PluginData(plugin_name=plugin)
    return tf.compat.v1.SummaryMetadata(plugin_data=data)
