# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.training.event_files."""

import pytest
import tensorflow as tf

from deeplab_tf.training import event_files


def test_events_on_a_full_disk_name_their_folder(tmp_path, monkeypatch):
    writer = event_files.EventWriter(tmp_path)

    def refuse(self):
        raise tf.errors.ResourceExhaustedError(
            None, None, "{{function_node a}} /b; No space left on device\n\tFailed"
        )

    monkeypatch.setattr(type(writer._writer), "flush", refuse)
    with pytest.raises(OSError, match="No space left on device") as caught:
        writer.write_scalars(1, {"loss": 0.5})
    assert str(tmp_path) in str(caught.value)
