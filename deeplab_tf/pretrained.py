# Licensed under the Apache License, Version 2.0.
"""Networks with released weights, by name."""

import logging
import os
from typing import Any

import keras

from deeplab_tf.checkpoints.download import download
from deeplab_tf.checkpoints.load import load_checkpoint
from deeplab_tf.checkpoints.published import get_published
from deeplab_tf.checkpoints.transfer import Progress
from deeplab_tf.config.recipe import change_output_stride
from deeplab_tf.models import build_model

log = logging.getLogger(__name__)


def load_pretrained(
    name: str,
    *,
    output_stride: int | None = None,
    weights_dir: str | os.PathLike[str] | None = None,
    offline: bool = False,
    mirror: str | None = None,
    progress: Progress | None = None,
) -> keras.Model:
    """Returns a network with its released weights, which are downloaded at first.

    One of slim's classifiers of ImageNet is a network for whole images, at stride 32.

    Args:
        name: of a released checkpoint; `list_pretrained` has them all.
        output_stride: 8, 16 or 32; None is that of its training. Atrous rates change
            with it.
        weights_dir: folder of the files; None is $DEEPLAB_TF_CACHE, or `deeplab_tf` in
            the user's cache folder.
        offline: whether the network is left alone, so that the file must be there.
        mirror: address of a folder with the files, which is asked in place of the
            published addresses; None is $DEEPLAB_TF_MIRROR.
        progress: is called with the bytes that are there, and with those that there
            will be, where that is known.

    Raises:
        ValueError: there is no such checkpoint, it is no network that predicts, or
            its file has changed.
        OSError: it cannot be downloaded.
    """
    published = get_published(name)
    config: Any = published.classifier or published.network()
    if output_stride is not None:
        config = change_output_stride(config, output_stride)
    path = download(
        published,
        weights_dir=weights_dir,
        offline=offline,
        mirror=mirror,
        progress=progress,
    )
    model = build_model(config)
    log.info("%s", load_checkpoint(model, path))
    return model
