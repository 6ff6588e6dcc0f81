# Licensed under the Apache License, Version 2.0.
"""Predictor: a function from images to Outputs, and the one of a single network."""

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf.layers.resize import (
    resize_bilinear,
    resize_nearest,
    scale_dimension,
)
from deeplab_tf.structures import Outputs

# Side of the image whose logits tell the stride of a network of any size.
_PROBE_SIZE = 513


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictor:
    """A function images -> Outputs. Wrappers take one and return one.

    Called inside a `tf.function` it adds its operations to that graph, where those
    of outputs that nobody reads are pruned. Called eagerly it runs a graph of its
    own that is traced once, for all batch sizes, heights and widths.

    Attributes:
        function: [B, H, W, 3] float32 RGB in 0..255 -> Outputs, in TensorFlow
            operations that work with unknown batch, height and width.
        logits_stride: image size over size of `semantic`; None where there are no
            logits on the grid of the image.
        resize: where the logits are sampled when they are resized: see
            `config.conv_style.ConvStyle`.
        function_at_scale: factor on the image size -> what `function` is for images of
            that scale, where the network depends on it; None: it does not.
        host_function: what an eager call runs in place of that graph: an array
            [B, H, W, 3] of any number type -> Outputs of arrays. See
            `host_predictor`.
    """

    function: Callable[[tf.Tensor], Outputs]
    logits_stride: float | None = None
    resize: str = "align_corners"
    function_at_scale: Callable[[float], Callable[[tf.Tensor], Outputs]] | None = None
    host_function: Callable[[np.ndarray], Outputs] | None = None

    def __call__(self, images: Any) -> Outputs:
        """Predicts images.

        Args:
            images: [B, H, W, 3] or [H, W, 3] RGB in 0..255, of any number type.

        Returns:
            Outputs of these images, without a batch axis where `images` has none.
        """
        if self.host_function is not None and tf.executing_eagerly():
            images = np.asarray(images)
            run: Any = self.host_function
        else:
            images = tf.cast(tf.convert_to_tensor(images), tf.float32)
            run = self._graph if tf.executing_eagerly() else self.function
        rank = len(images.shape)
        if rank not in (3, 4) or images.shape[-1] not in (3, None):
            raise ValueError(
                "Images must be [batch, height, width, 3] or [height, width, 3], got "
                f"the shape {images.shape}."
            )
        if isinstance(images, tf.Tensor):
            images = tf.ensure_shape(images, [*[None] * (rank - 1), 3])
        if rank == 4:
            return run(images)
        batched = cast(dict[str, Any], run(images[None]))
        return cast(Outputs, {name: value[0] for name, value in batched.items()})

    def select(self, names: Collection[str]) -> "Predictor":
        """Returns a predictor of the named outputs alone.

        An eager call of it spends nothing on the others: `select(["labels"])` takes
        no softmax.

        Args:
            names: keys of Outputs.
        """
        selection = tuple(sorted(set(names)))
        if selection in self._selections:
            return self._selections[selection]

        def select_of(function: Callable[[Any], Outputs]) -> Callable[[Any], Outputs]:
            return lambda images: _select(function(images), selection)

        selected = dataclasses.replace(
            self,
            function=select_of(self.function),
            host_function=self.host_function and select_of(self.host_function),
        )
        self._selections[selection] = selected
        return selected

    @functools.cached_property
    def _selections(self) -> dict[tuple[str, ...], "Predictor"]:
        # Kept, for each has a graph that must not be traced again.
        return {}

    @functools.cached_property
    def _graph(self) -> Callable[[tf.Tensor], Outputs]:
        signature = [tf.TensorSpec([None, None, None, 3], tf.float32)]
        # What a function raises while it is traced comes out as it is.
        return tf.function(self.function, input_signature=signature, autograph=False)


def _select(outputs: Outputs, names: Collection[str]) -> Outputs:
    """Returns Outputs with the named values alone.

    Raises:
        ValueError: one of them is not there.
    """
    values = cast(dict[str, Any], outputs)
    if missing := sorted(set(names) - set(values)):
        raise ValueError(
            f"This predictor has no output {', '.join(missing)}: it has "
            f"{', '.join(sorted(values))}."
        )
    return cast(Outputs, {name: values[name] for name in names})


def host_predictor(
    run: Callable[[np.ndarray], Outputs], *, dtypes: Mapping[str, tf.DType]
) -> Predictor:
    """Returns the predictor of a function of arrays.

    It works inside graphs, for other predictors to wrap, but it is no part of them:
    a graph that holds it cannot be exported.

    Args:
        run: an array [B, H, W, 3] of any number type -> Outputs of arrays.
        dtypes: type of each output that `run` gives.
    """
    shapes = {"labels": [None] * 3, "probabilities": [None] * 4}
    names = sorted(dtypes)

    def run_on_host(images: np.ndarray) -> list[Any]:
        outputs = cast(dict[str, Any], run(images))
        return [outputs[name] for name in names]

    def function(images: tf.Tensor) -> Outputs:
        types = [dtypes[name] for name in names]
        values = tf.numpy_function(run_on_host, [images], types)
        return cast(
            Outputs,
            {
                name: tf.ensure_shape(value, shapes[name])
                for name, value in zip(names, values, strict=True)
            },
        )

    return Predictor(function=function, host_function=run)


def predictor(
    model: keras.Model,
    *,
    logits_stride: float | None = None,
    upsample_logits: bool = True,
    resize: str = "align_corners",
) -> Predictor:
    """Returns the predictor of a network.

    Its outputs are `semantic`, the network's logits; `probabilities`, the softmax of
    the logits resized to the image; and `labels`, the argmax of the same.

    Args:
        model: takes [B, H, W, 3] float32 and returns a dict with `semantic`.
        logits_stride: input size over size of the logits; measured if None.
        upsample_logits: whether the logits are resized before softmax and argmax. If
            not, `probabilities` are resized bilinearly and `labels` to the nearest,
            which is faster and shows blocks.
        resize: where logits and probabilities are sampled: the `resize` of the head's
            `ConvStyle`.

    Reference: research/deeplab/model.py, predict_labels.
    """
    stride = measure_logits_stride(model) if logits_stride is None else logits_stride
    finish = upsampled_outputs if upsample_logits else blocky_outputs

    def predict_by(network: keras.Model) -> Callable[[tf.Tensor], Outputs]:
        def predict(images: tf.Tensor) -> Outputs:
            logits = network(images, training=False)["semantic"]
            return finish(logits, image_size(images), resize=resize)

        return predict

    return Predictor(
        function=predict_by(model),
        logits_stride=stride,
        resize=resize,
        function_at_scale=lambda scale: predict_by(at_image_scale(model, scale)),
    )


def at_image_scale(model: keras.Model, scale: float) -> keras.Model:
    """Returns a network for scaled images, which shares all layers with another one.

    Windows of image pooling are given in pixels of the image at its own scale, and
    grow with it, as research/deeplab/model.py, multi_scale_logits, has it. A network
    without such windows is returned as it is.

    Args:
        model: a functional model.
        scale: size of the images over that for which the windows are given.
    """
    if scale == 1.0 or not any(map(_has_window, model.layers)):
        return model

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        scaled = {"image_scale": scale} if _has_window(layer) else {}
        return layer(*args, **kwargs | scaled)

    return keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call
    )


def _has_window(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer pools over a window that is given in image pixels."""
    config = getattr(layer, "config", None)
    return getattr(config, "image_pooling_crop_size", None) is not None


def upsampled_outputs(
    logits: tf.Tensor, size: Any, *, resize: str = "align_corners"
) -> Outputs:
    """Returns Outputs from logits that are resized before softmax and argmax.

    Args:
        logits: [B, h, w, C].
        size: (height, width) of the image.
        resize: see `predictor`.
    """
    upsampled = resize_bilinear(logits, size, convention=resize)
    return Outputs(
        semantic=logits,
        probabilities=tf.nn.softmax(upsampled),
        labels=tf.argmax(upsampled, axis=-1, output_type=tf.int32),
    )


def blocky_outputs(
    logits: tf.Tensor, size: Any, *, resize: str = "align_corners"
) -> Outputs:
    """Returns Outputs from logits that are resized after softmax and argmax.

    Args:
        logits: [B, h, w, C].
        size: (height, width) of the image.
        resize: see `predictor`; labels keep the corners of the map in any case.
    """
    labels = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return Outputs(
        semantic=logits,
        probabilities=resize_bilinear(tf.nn.softmax(logits), size, convention=resize),
        labels=resize_nearest(labels[..., None], size)[..., 0],
    )


def image_size(images: tf.Tensor) -> tuple[Any, Any]:
    """Returns (height, width) of [B, H, W, C]: ints where known, else scalars."""
    dynamic = tf.shape(images)
    height, width = images.shape[1:3]
    return (
        dynamic[1] if height is None else height,
        dynamic[2] if width is None else width,
    )


def measure_logits_stride(model: keras.Model) -> int:
    """Returns input size over size of the logits, a power of two.

    Args:
        model: takes [B, H, W, 3] and returns a dict with `semantic`.
    """
    shape = tuple(model.input_shape)
    size = tuple(_PROBE_SIZE if side is None else side for side in shape[1:3])
    outputs = model.compute_output_shape((1, *size, 3))
    if not isinstance(outputs, dict) or "semantic" not in outputs:
        raise ValueError(
            f"A network must return a dict with the logits under 'semantic', got "
            f"{outputs}."
        )
    logits_size = tuple(outputs["semantic"][1:3])
    for stride in (1, 2, 4, 8, 16, 32, 64):
        expected = tuple(scale_dimension(side, 1 / stride) for side in size)
        if logits_size == expected:
            return stride
    raise ValueError(
        f"Logits of {logits_size} pixels for an image of {size} have no stride: pass "
        "logits_stride."
    )
