# Licensed under the Apache License, Version 2.0.
"""From a source to the batches of a training and the examples of an evaluation."""

import functools

import tensorflow as tf

from deeplab_tf.config.data import DataConfig
from deeplab_tf.data import augment
from deeplab_tf.data.sources import Source
from deeplab_tf.structures import Example


def train_dataset(
    source: Source,
    config: DataConfig,
    *,
    batch_size: int,
    padding_pixel: tuple[float, float, float],
    ignore_label: int,
    seed: int,
    start_step: int = 0,
) -> tf.data.Dataset:
    """Returns endless batches of augmented examples.

    Every epoch holds each example once, in an order that follows from (seed, epoch);
    batches run over the ends of epochs. What augmentation draws follows from (seed,
    epoch, example). So batch n is the same in every run.

    Args:
        source: examples with labels.
        config: crop, scales and flips.
        batch_size: examples of a batch.
        padding_pixel: RGB in 0..255 around images smaller than the crop.
        ignore_label: label around them.
        seed: of order and augmentation.
        start_step: number of batches to leave out, without reading any example.

    Returns:
        image float32 [B, height, width, 3] in 0..255, labels int32 [B, height, width]
        and image_name [B].

    Raises:
        ValueError: the source has no labels or no examples.
    """
    if not source.has_labels:
        raise ValueError(f"Training needs labels, and {source.name} has none.")
    if source.num_examples < 1:
        raise ValueError(f"{source.name} has no examples.")
    augmented = functools.partial(
        augment_example,
        config=config,
        padding_pixel=padding_pixel,
        ignore_label=ignore_label,
    )

    def load(epoch: tf.Tensor, index: tf.Tensor) -> Example:
        return augmented(source.read(index), _fold(seed, epoch, index))

    order = _order(source.num_examples, seed=seed, start=start_step * batch_size)
    dataset = order.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    dataset = dataset.batch(batch_size, drop_remainder=True)
    return _with_options(dataset).prefetch(tf.data.AUTOTUNE)


def eval_dataset(source: Source, config: DataConfig) -> tf.data.Dataset:
    """Returns all examples once, in order, neither padded nor batched.

    Args:
        source: examples with or without labels.
        config: says whether images and labels are resized.

    Returns:
        image uint8 [H, W, 3], or float32 where it was resized, labels int32 [H, W]
        where there are any, and image_name.
    """

    def load(index: tf.Tensor) -> Example:
        return resize_example(source.read(index), config=config)

    order = tf.data.Dataset.range(source.num_examples)
    dataset = order.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return _with_options(dataset).prefetch(tf.data.AUTOTUNE)


def resize_example(example: Example, *, config: DataConfig) -> Example:
    """Returns the example with its sides in the range that the configuration sets."""
    if config.min_resize_value is None:
        return example
    return augment.resize_to_range(
        example,
        min_size=config.min_resize_value,
        max_size=config.max_resize_value,
        factor=config.resize_factor,
        keep_aspect_ratio=config.keep_aspect_ratio,
    )


def augment_example(
    example: Example,
    seed: tf.Tensor,
    *,
    config: DataConfig,
    padding_pixel: tuple[float, float, float],
    ignore_label: int,
) -> Example:
    """Resizes, scales, pads, crops and flips, in the order of the original.

    Args:
        example: as its source reads it.
        seed: int32 [2].
        config: crop, scales and flips.
        padding_pixel: RGB in 0..255 around images smaller than the crop.
        ignore_label: label around them.

    Reference: research/deeplab, input_preprocess.py: preprocess_image_and_label.
    """
    scale_seed, crop_seed, flip_seed = tf.unstack(tf.random.split(seed, 3))
    example = resize_example(example, config=config)
    example = augment.random_scale(
        example,
        scale_seed,
        min_factor=config.min_scale_factor,
        max_factor=config.max_scale_factor,
        step_size=config.scale_factor_step_size,
    )
    example = augment.pad_to_crop(
        example,
        crop_size=config.crop_size,
        padding_pixel=padding_pixel,
        ignore_label=ignore_label,
    )
    example = augment.random_crop(example, crop_seed, crop_size=config.crop_size)
    example = augment.random_flip(
        example, flip_seed, probability=config.flip_probability
    )
    height, width = config.crop_size
    example["image"] = tf.ensure_shape(example["image"], [height, width, 3])
    example["labels"] = tf.ensure_shape(example["labels"], [height, width])
    return example


def _order(num_examples: int, *, seed: int, start: int) -> tf.data.Dataset:
    """Returns endless pairs (epoch, index of an example), from position `start` on."""

    def shuffled(epoch: tf.Tensor) -> tf.data.Dataset:
        indices = tf.random.experimental.stateless_shuffle(
            tf.range(num_examples, dtype=tf.int64), _fold(seed, epoch)
        )
        epochs = tf.fill([num_examples], epoch)
        return tf.data.Dataset.from_tensor_slices((epochs, indices))

    first_epoch, position = divmod(start, num_examples)
    first = shuffled(tf.constant(first_epoch, tf.int64)).skip(position)
    later = tf.data.Dataset.counter(first_epoch + 1).flat_map(shuffled)
    return first.concatenate(later)


def _fold(seed: int, *numbers: tf.Tensor) -> tf.Tensor:
    """Returns an int32 [2] seed that follows from a seed and some numbers."""
    folded = tf.constant([seed % 2**31, seed // 2**31 % 2**31], tf.int32)
    for number in numbers:
        folded = tf.random.fold_in(folded, tf.cast(number, tf.int32))
    return folded


def _with_options(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the data set with a fixed order; replicas get parts of each batch."""
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return dataset.with_options(options)
