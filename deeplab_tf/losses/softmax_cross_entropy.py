# Licensed under the Apache License, Version 2.0.
"""Softmax cross entropy over pixels: ignore label, class weights, hard pixels."""

import dataclasses

import keras
import numpy as np
from keras import ops

from deeplab_tf.layers.resize import resize_bilinear, resize_nearest


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoftmaxCrossEntropy:
    """Cross entropy of the semantic logits, averaged over pixels.

    The sum over pixels is divided by the number of pixels that are not ignored, not by
    the sum of their weights. A label that is neither a class nor the ignore label adds
    0 to the sum but counts as a pixel, as in the original; `data.sources` reports it
    before it gets here.

    Attributes:
        ignore_label: id of the pixels that have no say.
        class_weights: one weight per class; () weighs all classes alike.
        weight: factor on the loss of every pixel.
        top_k_fraction: share of all pixels of a batch, ignored ones included, whose
            losses are kept, the largest; 1 keeps all. The sum is then divided by the
            number of kept losses that are not 0.
        hard_example_mining_steps: steps over which the share falls linearly from 1 to
            `top_k_fraction`; 0 takes it at once.
        upsample_logits: whether logits are brought to the size of the labels; if not,
            labels are brought to the size of the logits: to the nearest pixel.
        resize: where logits, or labels, are sampled then, as `ConvStyle.resize` tells.

    Reference: research/deeplab, utils/train_utils.py,
    add_softmax_cross_entropy_loss_for_each_scale.
    """

    ignore_label: int = 255
    class_weights: tuple[float, ...] = ()
    weight: float = 1.0
    top_k_fraction: float = 1.0
    hard_example_mining_steps: int = 0
    upsample_logits: bool = True
    resize: str = "align_corners"

    def __post_init__(self) -> None:
        if not 0 < self.top_k_fraction <= 1:
            raise ValueError(
                f"top_k_fraction must lie in (0, 1], got {self.top_k_fraction}."
            )
        if self.hard_example_mining_steps < 0:
            raise ValueError(
                f"hard_example_mining_steps must not be negative, "
                f"got {self.hard_example_mining_steps}."
            )
        for weight in (*self.class_weights, self.weight):
            # NaN is in no range.
            if not 0 <= weight < float("inf"):
                raise ValueError(
                    f"class_weights and weight must be finite and not negative, "
                    f"got {weight}."
                )

    def __call__(self, targets, outputs, *, step=None, batch_targets=None):
        """Returns the loss of a batch, or the share that a part of it has in it.

        Args:
            targets: `labels` [B, H, W], any integer type.
            outputs: `semantic` [B, h, w, C] logits; with an image pyramid also
                `semantic/<scale>`, each of which adds a term of its own.
            step: number of updates so far; needed where `hard_example_mining_steps`
                is set.
            batch_targets: targets of the whole batch, where `targets` and `outputs`
                are those of one of its parts. The results of all parts add up to the
                loss of the batch, however their ignored pixels are spread; with hard
                pixels to the mean of the parts' losses, each with hard pixels of its
                own.

        Returns:
            A float32 scalar, whatever the precision policy.
        """
        scales = [
            key for key in outputs if key == "semantic" or key.startswith("semantic/")
        ]
        if not scales:
            raise ValueError(
                f"The loss needs the output 'semantic', got {sorted(outputs)}."
            )
        labels = ops.cast(targets["labels"], "int32")
        batch_labels = None
        if batch_targets is not None:
            batch_labels = ops.cast(batch_targets["labels"], "int32")
        terms = [
            self._loss_of_scale(labels, outputs[key], step, batch_labels)
            for key in scales
        ]
        return sum(terms[1:], start=terms[0])

    def _loss_of_scale(self, labels, logits, step, batch_labels):
        """Returns the loss of the logits of one scale, a float32 scalar."""
        logits = ops.cast(logits, "float32")
        if self.upsample_logits:
            size = ops.shape(labels)[1:3]
            logits = resize_bilinear(logits, size, convention=self.resize)
        else:
            labels = self._resize_labels(labels, logits)
            if batch_labels is not None:
                batch_labels = self._resize_labels(batch_labels, logits)
        num_classes = logits.shape[-1]
        losses = ops.reshape(pixel_losses(labels, logits), (-1,))
        labels = ops.reshape(labels, (-1,))
        losses = losses * label_weight_mask(
            labels,
            num_classes=num_classes,
            ignore_label=self.ignore_label,
            class_weights=self.class_weights,
            weight=self.weight,
        )
        if self.top_k_fraction != 1:
            losses = self._hard_losses(losses, step)
            loss = _mean(losses, ops.not_equal(losses, 0.0))
            if batch_labels is not None:
                loss = loss * _num_pixels(labels) / _num_pixels(batch_labels)
            return loss
        counting = labels if batch_labels is None else batch_labels
        return _mean(losses, ops.not_equal(counting, self.ignore_label))

    def _resize_labels(self, labels, logits):
        """Returns labels [B, H, W] at the size of the logits."""
        size = ops.shape(logits)[1:3]
        return resize_nearest(labels[..., None], size, convention=self.resize)[..., 0]

    def _hard_losses(self, losses, step):
        """Returns the largest losses, of shape [K], or [N] with zeros for the rest."""
        num_pixels = ops.shape(losses)[0]
        # The numbers of pixels are float32 all the way, as in the original: another
        # precision may round to another number.
        if self.hard_example_mining_steps == 0 and isinstance(num_pixels, int):
            k = int(np.float32(self.top_k_fraction) * np.float32(num_pixels))
            return ops.top_k(losses, k, sorted=False)[0]
        fraction = self.top_k_fraction
        if self.hard_example_mining_steps > 0:
            if step is None:
                raise ValueError("hard_example_mining_steps needs the step, got None.")
            step = ops.cast(step, "float32")
            ratio = ops.minimum(1.0, step / self.hard_example_mining_steps)
            fraction = ratio * fraction + (1.0 - ratio)
        k = ops.cast(fraction * ops.cast(num_pixels, "float32"), "int32")
        # JAX has no top_k of a number that changes from step to step.
        is_kept = ops.arange(num_pixels, dtype="int32") >= num_pixels - k
        return ops.where(is_kept, ops.sort(losses), 0.0)


def _num_pixels(labels):
    """Returns the number of labels as a float32 scalar."""
    return ops.cast(ops.size(labels), "float32")


def _mean(losses, counted):
    """Returns the sum of losses by the number of counted pixels, 0 without any."""
    count = ops.sum(ops.cast(counted, "float32"))
    return ops.sum(losses) / ops.maximum(count, 1.0)


def pixel_losses(labels, logits):
    """Returns the cross entropy of each pixel, without any weight.

    Args:
        labels: [...] int32; what lies outside of the classes is taken for class 0.
        logits: [..., C] float32.

    Returns:
        [...] float32.
    """
    is_class = ops.logical_and(labels >= 0, labels < logits.shape[-1])
    return keras.ops.sparse_categorical_crossentropy(
        ops.where(is_class, labels, 0), logits, from_logits=True
    )


def label_weight_mask(
    labels, *, num_classes: int, ignore_label: int, class_weights=(), weight=1.0
):
    """Returns the weight of each pixel: 0 where ignored or no class.

    Args:
        labels: [...] int32.
        num_classes: number of classes.
        ignore_label: id of the ignored pixels.
        class_weights: one weight per class; () weighs all classes alike.
        weight: factor on all weights.

    Returns:
        [...] float32.

    Reference: research/deeplab, core/utils.py, get_label_weight_mask.
    """
    if class_weights and len(class_weights) != num_classes:
        raise ValueError(
            f"class_weights must hold one weight for each of the {num_classes} "
            f"classes, got {len(class_weights)}. Those of a recipe are for its own "
            "data: --set=train.loss.class_weights= takes them away."
        )
    counts = ops.logical_and(labels >= 0, labels < num_classes)
    counts = ops.logical_and(counts, ops.not_equal(labels, ignore_label))
    if not class_weights:
        return ops.cast(counts, "float32") * weight
    weights = ops.convert_to_tensor(np.array(class_weights, np.float32) * weight)
    weights = ops.cast(weights, "float32")
    return ops.where(counts, ops.take(weights, ops.where(counts, labels, 0)), 0.0)
