# Licensed under the Apache License, Version 2.0.
"""The model of a head: on the image alone, or on the scales of an image pyramid."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.layers.image_pyramid import MergedLogits, ScaledImages
from deeplab_tf.layers.resize_like import ResizeLike


def build_scales(
    config: Any,
    backbone: Backbone,
    head: Callable[..., Any],
    *,
    low_levels: Sequence[Any] = (),
    logits_stride: int,
    name: str,
) -> keras.Model:
    """Returns the model of a configuration, which sees one scale or several.

    Args:
        config: a model's configuration, with `image_pyramid` and `head_style`.
        backbone: the graph of the feature extractor.
        head: (features, low-level features..., image_scale=factor) -> logits; called
            once for each scale, with the same layers.
        low_levels: endpoints of the backbone that the head takes beside its features.
        logits_stride: input size over size of the logits of a scale.
        name: of the model.

    Returns:
        A model of "semantic"; with a pyramid, of "semantic/<scale>" as well.
    """
    pyramid = config.image_pyramid
    if pyramid is None:
        logits = head(backbone.features, *low_levels, image_scale=1.0)
        if not backbone.has_regular_size:
            # As the original does with all logits; elsewhere it changes nothing.
            resize = ResizeLike(
                scale=1.0 / logits_stride,
                convention=config.head_style.resize,
                name="resized_logits",
                dtype="float32",
            )
            logits = resize([logits, backbone.input])
        return keras.Model(backbone.input, {"semantic": logits}, name=name)
    features = keras.Model(
        backbone.input, [backbone.features, *low_levels], name="backbone"
    )
    images = keras.Input((None, None, 3), name="image")
    logits = []
    for scale in pyramid.scales:
        scaled = images
        if scale != 1.0:
            layer = f"images_{_digits(scale)}"
            scaled = ScaledImages(
                scale,
                style=config.head_style,
                rounding=pyramid.rounding,
                name=layer,
            )(images)
        found = features(scaled)
        # A list of one comes back as it is.
        found = found if isinstance(found, (list, tuple)) else [found]
        logits.append(head(*found, image_scale=scale))
    merged, *resized = MergedLogits(
        pyramid,
        style=config.head_style,
        stride=logits_stride,
        name="merged_logits",
        dtype="float32",
    )([images, *logits])
    outputs = {"semantic": merged}
    if len(resized) > 1:
        of_scales = logits if pyramid.own_sizes else resized
        outputs |= {
            f"semantic/{scale:g}": x
            for scale, x in zip(pyramid.scales, of_scales, strict=True)
        }
    return keras.Model(images, outputs, name=name)


def _digits(scale: float) -> str:
    """Returns a scale as a part of a layer's name."""
    return f"{scale:g}".replace(".", "_")
