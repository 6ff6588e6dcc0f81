# Licensed under the Apache License, Version 2.0.
"""The table of networks under test, in the original's options; needs no TensorFlow."""

import dataclasses
import math

from deeplab_tf.cli import model_options
from deeplab_tf.config import deeplab_v1, deeplab_v2
from deeplab_tf.config.dense_prediction_cell import CELLS
from deeplab_tf.config.image_pyramid import ImagePyramidConfig
from deeplab_tf.models import build_model
from tests import contracts

RATES = {"atrous_rates": (6, 12, 18)}
PLUS = RATES | {"decoder_output_stride": (4,)}
TWO_STAGES = RATES | {"decoder_output_stride": (8, 4)}
DENSE = {"decoder_use_separable_conv": False}
SUM = {"decoder_use_sum_merge": True}
LOGITS = {"decoder_output_is_logits": True, "decoder_filters": 5}

SUMMED = RATES | {"aspp_with_batch_norm": False}
CELL = {
    "dense_prediction_cell_json": CELLS[
        "dense_prediction_cell_branch5_top1_cityscapes"
    ].branches,
    # A cell has 256 channels, whatever the flags say.
    "aspp_convs_filters": 256,
}
PYRAMID = {"image_pyramid": (0.5, 1.0, 1.5)}


def _narrow(config, **changes):
    backbone = dataclasses.replace(config.backbone, fc_channels=16)
    return dataclasses.replace(config, num_classes=5, backbone=backbone, **changes)


def _vgg_aspp(**changes):
    aspp = deeplab_v2.VGG_ASPP_S
    classifier = dataclasses.replace(aspp.classifier, channels=16)
    return dataclasses.replace(aspp, num_classes=5, classifier=classifier, **changes)


def _msc(**options):
    return deeplab_v1.MultiScaleConfig(filters=6, **options)


# Networks that research/deeplab does not have.
WITHOUT_OPTIONS = {
    "v1_large_fov": _narrow(deeplab_v1.LARGE_FOV),
    "v1_7x7": _narrow(deeplab_v1.DEEPLAB_7X7),
    "v1_msc": _narrow(deeplab_v1.MSC_LARGE_FOV, multi_scale=_msc()),
    "v1_msc_full_size": _narrow(
        deeplab_v1.MSC_LARGE_FOV, multi_scale=_msc(full_size=True)
    ),
    "v2_vgg_large_fov": _narrow(deeplab_v2.VGG_LARGE_FOV),
    "v2_vgg_aspp": _vgg_aspp(),
    "v2_vgg_aspp_pyramid": _vgg_aspp(image_pyramid=ImagePyramidConfig()),
}

OPTIONS = {
    "v2": SUMMED | {"logits_kernel_size": 3},
    "v2_kernel_1": SUMMED,
    "v2_pyramid": SUMMED | {"image_pyramid": (0.5, 0.75, 1.0)},
    "v3": {},
    "v3_atrous": RATES,
    "v3_atrous_dense": RATES | {"aspp_with_separable_conv": False},
    "v3_without_aspp": {"aspp_with_batch_norm": False},
    "v3_without_image_level": {"add_image_level_feature": False},
    "v3_without_projection": {"aspp_with_concat_projection": False},
    "v3_gate": {"aspp_with_squeeze_and_excitation": True},
    "v3_q_sigmoid_gate": {
        "aspp_with_squeeze_and_excitation": True,
        "image_se_uses_qsigmoid": True,
    },
    "v3_pooling_window": {
        "image_pooling_crop_size": (49, 49),
        "image_pooling_stride": (2, 3),
    },
    "v3_bounded": RATES | {"use_bounded_activation": True},
    "v3_stride_8": {"output_stride": 8, "atrous_rates": (12, 24, 36)},
    "v3_stride_32": {"output_stride": 32},
    "v3_cell": CELL,
    "v3plus_cell_stride_8": CELL | {"decoder_output_stride": (4,), "output_stride": 8},
    "v3_cell_pyramid": CELL | {"image_pyramid": (0.5, 1.0)},
    "v3_pyramid": PYRAMID,
    "v3_pyramid_average": PYRAMID | {"merge_method": "avg"},
    "v3_pyramid_window": PYRAMID | {"image_pooling_crop_size": (33, 33)},
    "v3plus_pyramid": PLUS | {"image_pyramid": (0.5, 1.0)},
    "v3plus_summed": PLUS | {"aspp_with_batch_norm": False, "logits_kernel_size": 3},
    "v3plus": PLUS,
    "v3plus_stride_8": PLUS | {"output_stride": 8},
    "v3plus_without_aspp": {
        "decoder_output_stride": (4,),
        "aspp_with_batch_norm": False,
    },
    "v3plus_dense": PLUS | DENSE,
    "v3plus_sum": PLUS | SUM,
    "v3plus_sum_dense": PLUS | SUM | DENSE,
    "v3plus_logits": PLUS | LOGITS,
    "v3plus_sum_logits": PLUS | SUM | LOGITS,
    "v3plus_resnet": PLUS
    | {"model_variant": "resnet_v1_18_beta", "multi_grid": (1, 2)},
    "v3plus_two_stages": TWO_STAGES,
    "v3plus_two_stages_dense": TWO_STAGES | DENSE,
    "v3plus_two_stages_sum": TWO_STAGES | SUM,
    "v3plus_two_stages_sum_dense": TWO_STAGES | SUM | DENSE,
}

NETWORKS = WITHOUT_OPTIONS | OPTIONS


def config_of(name):
    """Returns the configuration of a network: narrow, five classes."""
    if name in WITHOUT_OPTIONS:
        return WITHOUT_OPTIONS[name]
    small = {"depth_multiplier": 0.35, "num_classes": 5, "aspp_convs_filters": 16}
    if "decoder_filters" not in OPTIONS[name]:
        small["decoder_filters"] = 16
    return model_options.build_config(small | OPTIONS[name])


def build_drawn(config):
    """Returns a network with the weights of `contracts.draw_weights`."""
    model = build_model(config)
    contracts.draw_weights(model)
    return model


def logits_shape(name, batch, height, width):
    """Returns the shape of a network's logits, as the original computes it."""
    config = config_of(name)
    sides = ((side - 1) / config.logits_stride for side in (height, width))
    # Caffe's pools round up; what merges scales, as the original does, rounds down.
    is_caffe = getattr(config.backbone, "padding", "same") == "ceil"
    rounded = math.ceil if is_caffe and not config.image_pyramid else int
    return batch, *(rounded(side) + 1 for side in sides), 5
