# Licensed under the Apache License, Version 2.0.
"""The dense prediction cell: a head of searched operations in the place of ASPP."""

import dataclasses
import math

import keras
from keras import ops

from deeplab_tf.config import serialization
from deeplab_tf.config.dense_prediction_cell import (
    FEATURES,
    CellBranch,
    DensePredictionCellConfig,
)
from deeplab_tf.layers.atrous_conv import AtrousConv, AtrousSeparableConv
from deeplab_tf.layers.image_pooling import ImagePooling
from deeplab_tf.layers.resize import scale_dimension
from deeplab_tf.layers.styled_layer import StyledLayer

# The output stride for which the rates of a cell are written.
RATES_STRIDE = 16


@keras.saving.register_keras_serializable(package="deeplab_tf")
class DensePredictionCell(StyledLayer):
    """Runs the branches of a cell, concatenates and projects them.

    Reference: Searching for Efficient Multi-Scale Architectures (arXiv:1809.04184),
    section 3.2; research/deeplab/core/dense_prediction_cell.py.

    Args:
        config: branches and projection.
        style: norm of the convolutions; their activation is ReLU even where the head's
            is bounded, as in the original.
        output_stride: stride of the features, 8 or 16.

    Call arguments:
        x: [B, H, W, C].
        training: whether this is a training step.
        image_scale: size of the image over that for which pooling windows are given.

    Returns:
        [B, H, W, config.projection_filters].
    """

    def __init__(
        self,
        config: DensePredictionCellConfig,
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
        self.branches = [
            self._build_branch(branch, f"branch{i}")
            for i, branch in enumerate(config.branches)
        ]
        self.dropout = keras.layers.Dropout(
            config.dropout_rate, name="dropout", dtype=self.dtype_policy
        )
        self.concat_projection = AtrousConv(
            config.projection_filters, 1, name="concat_projection", **self._options()
        )

    def _options(self) -> dict:
        style = dataclasses.replace(self.style, activation="relu")
        return {"style": style, "activation": "relu", "dtype": self.dtype_policy}

    def _build_branch(self, branch: CellBranch, name: str):
        options = self._options()
        if branch.operation == "pyramid_pooling":
            del options["activation"]
            return ImagePooling(self.config.filters, name=name, **options)
        if branch.kernel_size == 1:
            return AtrousConv(self.config.filters, 1, name=name, **options)
        factor = RATES_STRIDE // self.output_stride
        return AtrousSeparableConv(
            self.config.filters,
            branch.kernel_size,
            rate=(branch.rate[0] * factor, branch.rate[1] * factor),
            name=name,
            **options,
        )

    def build(self, input_shape):
        """Builds the branches and the projection."""
        shape = (*input_shape[:-1], self.config.filters)
        for branch, layer in zip(self.config.branches, self.branches, strict=True):
            layer.build(input_shape if branch.input == FEATURES else shape)
        self.concat_projection.build(self.compute_concatenated_shape(input_shape))
        self.built = True

    def call(self, x, training=False, image_scale=1.0):
        """Runs the branches in their order and merges them."""
        results = []
        for branch, layer in zip(self.config.branches, self.branches, strict=True):
            y = x if branch.input == FEATURES else results[branch.input]
            options = {"training": training}
            if branch.operation == "pyramid_pooling":
                size = ops.shape(y)[1:3]
                options["window"] = self._window(branch, size, image_scale)
            results.append(layer(y, **options))
        y = self.dropout(ops.concatenate(results, axis=-1), training=training)
        return self.concat_projection(y, training=training)

    def count_windows(self, branch: CellBranch, input_shape) -> int:
        """Returns how many averages a branch of pyramid pooling takes of a map.

        Args:
            branch: of the configuration.
            input_shape: [B, H, W, C], all known.
        """
        batch, *size, _ = input_shape
        windows = zip(size, self._window(branch, size, 1.0), strict=True)
        return batch * math.prod(max(side - w, 0) + 1 for side, w in windows)

    def _window(self, branch: CellBranch, size, image_scale: float):
        """Returns (height, width) of one cell of a branch's grid in feature pixels."""
        crop = self.config.image_pooling_crop_size
        if crop is None:
            sides = zip(size, branch.grid_size, strict=True)
            return tuple((side - 1) // cells + 1 for side, cells in sides)
        sides = zip(crop, branch.grid_size, strict=True)
        return tuple(
            scale_dimension(
                scale_dimension(side, image_scale), 1 / (self.output_stride * cells)
            )
            for side, cells in sides
        )

    def compute_concatenated_shape(self, input_shape) -> tuple:
        """Returns the shape of the branches side by side, before the projection."""
        return (*input_shape[:-1], len(self.branches) * self.config.filters)

    def compute_output_shape(self, input_shape):
        """Returns [B, H, W, config.projection_filters]."""
        return (*input_shape[:-1], self.config.projection_filters)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return super().get_config() | {
            "config": serialization.to_dict(self.config),
            "output_stride": self.output_stride,
        }
