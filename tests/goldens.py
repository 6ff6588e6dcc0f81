# Licensed under the Apache License, Version 2.0.
"""Recorded networks of research/deeplab: options, weights and results."""

import dataclasses
import functools
import importlib.util
import json
import pathlib
import types

import numpy as np

from deeplab_tf.checkpoints.importer import import_weights
from deeplab_tf.checkpoints.slim_names import find_scope, slim_rules
from deeplab_tf.cli import model_options
from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.dense_prediction_cell import (
    DensePredictionCellConfig,
    parse_cell,
)
from deeplab_tf.models import build_model

# Cases whose image has the size of the crop.
MOBILENET_V2 = (
    "mobilenet_v2_dm05_v3_os16",
    "mobilenet_v2_dm05_even_os16",
    "mobilenet_v2_dm10_v3_os16",
)
MOBILENET_V3 = (
    "mobilenet_v3_large_seg_os32",
    "mobilenet_v3_small_seg_os32",
)
MOBILENET_EDGETPU = ("mobilenet_edgetpu_v3_os16",)
RESNET = (
    "resnet_v1_18_v3_os16",
    "resnet_v1_18_beta_v3plus_os16",
    "resnet_v1_50_v3_os16",
    "resnet_v1_50_beta_v3plus_os16",
    "resnet_v1_50_beta_even_os16",
    "resnet_v1_101_v3_os16",
    "resnet_v1_101_beta_v3plus_os16",
)
XCEPTION = (
    "xception_41_v3plus_os16",
    "xception_41_even_os16",
    "xception_65_v3plus_os16",
    "xception_71_v3plus_os16",
)
NASNET = (
    "nas_hnasnet_v3plus_os8",
    "nas_pnasnet_v3plus_os16",
    "nas_pnasnet_even_os16",
)
# The classifier of slim; research/deeplab has no such variant.
VGG = "vgg_16"
# Its endpoints are those of the image at half the size.
PYRAMID = "mobilenet_v2_dm05_pyramid_max"
# Logits that are a sum, a searched cell, an image pyramid.
HEADS = (
    "resnet_v1_50_v2style_os8",
    "xception_71_dpc_os16",
    PYRAMID,
)


@dataclasses.dataclass(frozen=True)
class Golden:
    """One recorded network.

    Attributes:
        case: what its JSON file holds.
        arrays: what its npz file holds.
        rule: the module with the rule of its weights.
    """

    case: dict
    arrays: dict
    rule: types.ModuleType

    @property
    def weights(self):
        """Returns name -> array, in the original's names.

        They are drawn each time: all networks together have gigabytes of them.
        """
        return dict(self.rule.case_weights(self.case))

    @property
    def config(self):
        """Returns our configuration of the network."""
        case = self.case
        options = case["options"] | {
            "num_classes": case["num_classes"],
            "output_stride": case["output_stride"],
            "atrous_rates": case["atrous_rates"],
        }
        # The original reads this flag for no network but NAS.
        del options["batch_norm_decay"]
        if cell := options.pop("dense_prediction_cell"):
            options["dense_prediction_cell_json"] = parse_cell(cell).branches
        known = {k: v for k, v in options.items() if k in model_options.DEFAULTS}
        return model_options.build_config(known)

    @property
    def counted_config(self):
        """Returns the configuration whose multiply-adds are recorded.

        They are of one scale, and where there is a searched cell, of the network that
        the original builds without it: 1x1 convolution, image pooling, projection.
        """
        config = dataclasses.replace(self.config, image_pyramid=None)
        if isinstance(getattr(config, "aspp", None), DensePredictionCellConfig):
            config = dataclasses.replace(config, aspp=ASPPConfig(atrous_rates=()))
        return config

    @property
    def scope(self):
        """Returns the scope of the backbone's variables."""
        return find_scope(name for name, *_ in self.case["variables"])

    @property
    def image(self):
        """Returns [1, H, W, 3] bytes."""
        return self.arrays["image"][None]

    def build(self):
        """Returns our network with the recorded weights."""
        model = build_model(self.config)
        rules = slim_rules(self.scope)
        import_weights(model, self.weights, rules, path=self.case["name"])
        return model


@functools.cache
def load(reference: pathlib.Path, name: str) -> Golden:
    """Loads a case from the folder of recorded values."""
    folder = reference / "reference" / "official"
    case = json.loads((folder / f"{name}.json").read_text("utf-8"))
    with np.load(folder / f"{name}.npz") as arrays:
        return Golden(case, dict(arrays), load_rule(reference))


def load_rule(reference: pathlib.Path):
    """Returns the module with the rule that gives recorded networks their weights."""
    path = reference / "reference" / "reference_weights.py"
    spec = importlib.util.spec_from_file_location("reference_weights", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
