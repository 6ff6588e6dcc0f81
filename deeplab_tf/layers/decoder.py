# Licensed under the Apache License, Version 2.0.
"""The decoder of DeepLabv3+: low-level features sharpen the encoder's."""

import keras
from keras import ops

from deeplab_tf.config import serialization
from deeplab_tf.config.aspp import DecoderConfig
from deeplab_tf.layers.atrous_conv import AtrousConv, AtrousSeparableConv
from deeplab_tf.layers.resize import resize_bilinear, scale_dimension
from deeplab_tf.layers.styled_layer import StyledLayer


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Decoder(StyledLayer):
    """Merges encoder features with low-level ones, stage by stage.

    Reference: DeepLabv3+ (arXiv:1802.02611), sections 3.1 and 4.1;
    research/deeplab/model.py: refine_by_decoder.

    Args:
        config: strides, channels and the kind of merge.
        style: norm and activation of the convolutions.
        low_level_strides: strides that the low-level features really have; where one
            is below the stage's, as an atrous backbone gives them, they are reduced to
            the stage's. () means that they are the stages'.

    Call arguments:
        inputs: list of [B, H, W, C] encoder features and, for each stage,
            [B, h, w, c] low-level features at that stage's stride.
        training: whether this is a training step.

    Returns:
        [B, h, w, config.filters] at the last stage's stride.
    """

    def __init__(
        self,
        config: DecoderConfig,
        *,
        style,
        low_level_strides: tuple[int, ...] = (),
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        self.config = config
        self.low_level_strides = tuple(low_level_strides or config.output_strides)
        self.projections = []
        self.convs = []
        for stage in range(len(config.output_strides)):
            # The original's names: a decoder of one stage has no suffix.
            suffix = f"_{stage}" if stage else ""
            filters = config.projected_filters
            if config.merge == "sum":
                filters = config.filters
            self.projections.append(
                self._conv(filters, 1, f"feature_projection0{suffix}")
            )
            self.convs.append(self._merging_convs(suffix))

    def _conv(self, filters: int, kernel_size: int, name: str) -> AtrousConv:
        logits = self.config.output_is_logits
        return AtrousConv(
            filters,
            kernel_size,
            style=self.style,
            normalize=not logits,
            activation=None if logits else self.style.activation,
            name=name,
            dtype=self.dtype_policy,
        )

    def _merging_convs(self, suffix: str) -> list:
        config = self.config
        names = [f"decoder_conv{i}{suffix}" for i in range(config.num_convs)]
        if config.merge == "sum":
            names = [f"decoder_sum_conv0{suffix}"]
        if config.output_is_logits:
            kernel_size = 1 if config.merge == "sum" else 3
            return [self._conv(config.filters, kernel_size, name) for name in names]
        if not config.separable:
            return [self._conv(config.filters, 3, name) for name in names]
        return [
            AtrousSeparableConv(
                config.filters, style=self.style, name=name, dtype=self.dtype_policy
            )
            for name in names
        ]

    def build(self, input_shape):
        """Builds the projections and the convolutions of each stage."""
        shape = tuple(input_shape[0])
        stages = zip(self.projections, self.convs, input_shape[1:], strict=True)
        for stage, (projection, convs, low_level) in enumerate(stages):
            projection.build(low_level)
            channels = shape[-1]
            if self.config.merge == "concat":
                channels += projection.filters
            shape = (*self._stage_shape(stage, low_level)[:-1], channels)
            for conv in convs:
                conv.build(shape)
                shape = conv.compute_output_shape(shape)
        self.built = True

    def call(self, inputs, training=False):
        """Merges the encoder's features with each stage's low-level ones."""
        x, *low_levels = inputs
        convention = self.style.resize
        stages = zip(self.projections, self.convs, low_levels, strict=True)
        for stage, (projection, convs, low_level) in enumerate(stages):
            low_level = projection(low_level, training=training)
            size = ops.shape(low_level)[1:3]
            if self._reduction(stage) != 1:
                size = tuple(scale_dimension(s, self._reduction(stage)) for s in size)
                resized = resize_bilinear(low_level, size, convention=convention)
                low_level = ops.cast(resized, low_level.dtype)
            x = resize_bilinear(x, size, convention=convention)
            x = ops.cast(x, low_level.dtype)
            if self.config.merge == "concat":
                is_last = self.config.low_level_place == "last"
                parts = [x, low_level] if is_last else [low_level, x]
                x = ops.concatenate(parts, axis=-1)
            for conv in convs:
                x = conv(x, training=training)
            if self.config.merge == "sum":
                x = x + low_level
        return x

    def _reduction(self, stage: int) -> float:
        """Returns the size of a stage over that of its low-level features."""
        return self.low_level_strides[stage] / self.config.output_strides[stage]

    def _stage_shape(self, stage: int, low_level) -> tuple:
        """Returns the shape of low-level features at their stage's stride."""
        scale = self._reduction(stage)
        sides = (
            None if s is None else scale_dimension(s, scale) for s in low_level[1:3]
        )
        return (low_level[0], *sides, low_level[-1])

    def compute_output_shape(self, input_shape):
        """Returns [B, h, w, config.filters]."""
        last = len(input_shape) - 2
        return (*self._stage_shape(last, input_shape[-1])[:-1], self.config.filters)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "config": serialization.to_dict(self.config),
            "low_level_strides": self.low_level_strides,
        }
