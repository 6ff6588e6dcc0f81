# Licensed under the Apache License, Version 2.0.
"""Atrous spatial pyramid pooling."""

import keras
from keras import ops

from deeplab_tf.config import serialization
from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.layers.atrous_conv import AtrousConv, AtrousSeparableConv
from deeplab_tf.layers.image_pooling import ImagePooling
from deeplab_tf.layers.resize import scale_dimension
from deeplab_tf.layers.styled_layer import StyledLayer


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ASPP(StyledLayer):
    """Looks at features at several rates and as a whole, and merges what it sees.

    Reference: DeepLabv3 (arXiv:1706.05587), section 3.3; research/deeplab/model.py:
    extract_features.

    Args:
        config: branches and projection.
        style: norm and activation of the branches.
        output_stride: stride of the features, which turns the size of the pooling
            window from image pixels into feature pixels.

    Call arguments:
        x: [B, H, W, C].
        training: whether this is a training step.
        image_scale: size of the image over that for which the pooling window is given.

    Returns:
        [B, H, W, D]: D = config.filters, times the number of branches where nothing
        follows their concatenation.
    """

    def __init__(
        self,
        config: ASPPConfig,
        *,
        style,
        output_stride: int,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(style=style, name=name, dtype=dtype, **kwargs)
        self.config = config
        self.output_stride = output_stride
        options = {"style": style, "dtype": self.dtype_policy}
        activated = options | {"activation": style.activation}
        self.image_pooling = None
        if config.image_level_feature:
            self.image_pooling = ImagePooling(
                config.filters,
                window=self._pooling_window(1.0),
                stride=config.image_pooling_stride,
                gate=config.image_gate,
                name="image_pooling",
                **options,
            )
        self.branches = [AtrousConv(config.filters, 1, name="aspp0", **activated)]
        for i, rate in enumerate(config.atrous_rates, 1):
            if config.separable:
                branch = AtrousSeparableConv(
                    config.filters, rate=rate, name=f"aspp{i}", **options
                )
            else:
                branch = AtrousConv(
                    config.filters, rate=rate, name=f"aspp{i}", **activated
                )
            self.branches.append(branch)
        self.concat_projection = self.dropout = self.output_conv = None
        if config.concat_projection:
            self.concat_projection = AtrousConv(
                config.filters, 1, name="concat_projection", **activated
            )
            self.dropout = keras.layers.Dropout(
                config.dropout_rate, name="dropout", dtype=self.dtype_policy
            )
        if config.output_conv:
            self.output_conv = AtrousConv(
                config.filters, 3, name="output_conv", **activated
            )

    def _pooling_window(self, image_scale: float):
        crop = self.config.image_pooling_crop_size
        if crop is None:
            return None
        scaled = [scale_dimension(side, image_scale) for side in crop]
        return tuple(scale_dimension(side, 1 / self.output_stride) for side in scaled)

    @property
    def _concatenates_image_feature(self) -> bool:
        return self.image_pooling is not None and self.config.image_gate == "none"

    def build(self, input_shape):
        """Builds the branches and the projection."""
        if self.image_pooling is not None:
            self.image_pooling.build(input_shape)
        for branch in self.branches:
            branch.build(input_shape)
        if self.concat_projection is not None:
            self.concat_projection.build(self.compute_concatenated_shape(input_shape))
        if self.output_conv is not None:
            self.output_conv.build(self.compute_merged_shape(input_shape))
        self.built = True

    def call(self, x, training=False, image_scale=1.0):
        """Applies the branches and merges them."""
        branches = [branch(x, training=training) for branch in self.branches]
        image_feature = None
        if self.image_pooling is not None:
            window = self._pooling_window(image_scale)
            image_feature = self.image_pooling(x, training=training, window=window)
        if self._concatenates_image_feature:
            is_first = self.config.image_feature_place == "first"
            branches.insert(0 if is_first else len(branches), image_feature)
        y = ops.concatenate(branches, axis=-1)
        if self.concat_projection is not None:
            y = self.concat_projection(y, training=training)
            y = self.dropout(y, training=training)
        if image_feature is not None and not self._concatenates_image_feature:
            y = y * image_feature
        if self.output_conv is not None:
            y = self.output_conv(y, training=training)
        return y

    def compute_concatenated_shape(self, input_shape) -> tuple:
        """Returns the shape of the branches side by side, before the projection."""
        branches = len(self.branches) + self._concatenates_image_feature
        return (*input_shape[:-1], branches * self.config.filters)

    def compute_merged_shape(self, input_shape) -> tuple:
        """Returns the shape of the merged branches, before the last convolution."""
        if self.concat_projection is not None:
            return (*input_shape[:-1], self.config.filters)
        return self.compute_concatenated_shape(input_shape)

    def compute_output_shape(self, input_shape):
        """Returns [B, H, W, D]."""
        if self.output_conv is not None:
            return (*input_shape[:-1], self.config.filters)
        return self.compute_merged_shape(input_shape)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "config": serialization.to_dict(self.config),
            "output_stride": self.output_stride,
        }
