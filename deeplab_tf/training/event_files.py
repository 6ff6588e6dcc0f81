# Licensed under the Apache License, Version 2.0.
"""Event files for TensorBoard, written without it."""

import contextlib
import os
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from deeplab_tf.data import text_files


class EventWriter:
    """Scalars and images for TensorBoard, which need not be installed here.

    All methods raise OSError where the file cannot be written.

    Args:
        folder: where the event file goes.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder = os.fspath(folder)
        self._writer = tf.summary.create_file_writer(self._folder)

    def write_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers by name."""
        metadata = _metadata("scalars")
        with self._named_errors(), self._writer.as_default():
            for name, value in values.items():
                tensor = tf.constant(value, tf.float32)
                tf.summary.write(name, tensor, step=step, metadata=metadata)
            self._writer.flush()

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes a picture, [H, W, 3] uint8."""
        height, width = image.shape[:2]
        parts = [str(width), str(height), tf.io.encode_png(image)]
        with self._named_errors(), self._writer.as_default():
            tf.summary.write(
                name, tf.stack(parts), step=step, metadata=_metadata("images")
            )
            self._writer.flush()

    def close(self) -> None:
        """Closes the event file."""
        with self._named_errors():
            self._writer.close()

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Says in an OSError what could not be written."""
        try:
            yield
        except tf.errors.OpError as error:
            raise OSError(
                f"{self._folder}: the events for TensorBoard could not be written: "
                f"{text_files.reason(error)}. Make room, and run the same command "
                "again to go on from the last checkpoint."
            ) from error


def _metadata(plugin: str) -> tf.compat.v1.SummaryMetadata:
    """Returns what tells TensorBoard how to show a value."""
    data = tf.compat.v1.SummaryMetadata.PluginData(plugin_name=plugin)
    return tf.compat.v1.SummaryMetadata(plugin_data=data)
