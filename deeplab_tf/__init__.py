# Licensed under the Apache License, Version 2.0.
"""The DeepLab family of segmentation networks on TensorFlow and Keras 3.

Importing the package imports nothing else: a name is looked up when it is used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> (module, name there).
_PUBLIC = {
    "AtrousConv": ("deeplab_tf.layers.atrous_conv", "AtrousConv"),
    "AtrousSeparableConv": ("deeplab_tf.layers.atrous_conv", "AtrousSeparableConv"),
    "ASPP": ("deeplab_tf.layers.aspp", "ASPP"),
    "BatchNorm": ("deeplab_tf.layers.batch_norm", "BatchNorm"),
    "BoundaryIoU": ("deeplab_tf.metrics.boundary_iou", "BoundaryIoU"),
    "Decoder": ("deeplab_tf.layers.decoder", "Decoder"),
    "ClassifierConfig": ("deeplab_tf.config.aspp", "ClassifierConfig"),
    "DeepLabV1Config": ("deeplab_tf.config.deeplab_v1", "DeepLabV1Config"),
    "DeepLabV2Config": ("deeplab_tf.config.deeplab_v2", "DeepLabV2Config"),
    "DeepLabV3Config": ("deeplab_tf.config.deeplab_v3", "DeepLabV3Config"),
    "DeepLabV3PlusConfig": ("deeplab_tf.config.deeplab_v3plus", "DeepLabV3PlusConfig"),
    "DenseCRFConfig": ("deeplab_tf.config.dense_crf", "DenseCRFConfig"),
    "DensePredictionCellConfig": (
        "deeplab_tf.config.dense_prediction_cell",
        "DensePredictionCellConfig",
    ),
    "FullyConnectedClassifierConfig": (
        "deeplab_tf.config.aspp",
        "FullyConnectedClassifierConfig",
    ),
    "ImageClassifierConfig": (
        "deeplab_tf.config.image_classifier",
        "ImageClassifierConfig",
    ),
    "ImagePyramidConfig": ("deeplab_tf.config.image_pyramid", "ImagePyramidConfig"),
    "ImagePooling": ("deeplab_tf.layers.image_pooling", "ImagePooling"),
    "MobileNetEdgeTPUConfig": (
        "deeplab_tf.config.mobilenet_edgetpu",
        "MobileNetEdgeTPUConfig",
    ),
    "MobileNetV2Config": ("deeplab_tf.config.mobilenet_v2", "MobileNetV2Config"),
    "MobileNetV3Config": ("deeplab_tf.config.mobilenet_v3", "MobileNetV3Config"),
    "Momentum": ("deeplab_tf.training.optimizers", "Momentum"),
    "MultiScaleConfig": ("deeplab_tf.config.deeplab_v1", "MultiScaleConfig"),
    "NASNetConfig": ("deeplab_tf.config.nasnet", "NASNetConfig"),
    "ResNetConfig": ("deeplab_tf.config.resnet", "ResNetConfig"),
    "Recipe": ("deeplab_tf.config.recipe", "Recipe"),
    "SoftmaxCrossEntropy": (
        "deeplab_tf.losses.softmax_cross_entropy",
        "SoftmaxCrossEntropy",
    ),
    "Trimap": ("deeplab_tf.metrics.trimap", "Trimap"),
    "VGGConfig": ("deeplab_tf.config.vgg", "VGGConfig"),
    "XceptionConfig": ("deeplab_tf.config.xception", "XceptionConfig"),
    "build_backbone": ("deeplab_tf.backbones", "build_backbone"),
    "build_model": ("deeplab_tf.models", "build_model"),
    "crf_preset": ("deeplab_tf.config.dense_crf", "get_preset"),
    "dataset": ("deeplab_tf.data.catalog", "get_dataset_info"),
    "dense_crf": ("deeplab_tf.inference.dense_crf", "dense_crf"),
    "evaluate": ("deeplab_tf.evaluation.recipe_evaluation", "evaluate_recipe"),
    "export_frozen_graph": ("deeplab_tf.export.saved_model", "export_frozen_graph"),
    "export_saved_model": ("deeplab_tf.export.saved_model", "export_saved_model"),
    "export_tflite": ("deeplab_tf.export.tflite", "export_tflite"),
    "fit_model": ("deeplab_tf.training.fit", "fit_model"),
    "fit_to_crop": ("deeplab_tf.inference.fit_to_crop", "fit_to_crop"),
    "frozen_graph_predictor": (
        "deeplab_tf.inference.saved_model_predictor",
        "frozen_graph_predictor",
    ),
    "get_recipe": ("deeplab_tf.recipes", "get_recipe"),
    "list_pretrained": ("deeplab_tf.checkpoints.published", "list_pretrained"),
    "list_recipes": ("deeplab_tf.recipes", "list_recipes"),
    "load_checkpoint": ("deeplab_tf.checkpoints.load", "load_checkpoint"),
    "load_pretrained": ("deeplab_tf.pretrained", "load_pretrained"),
    "mean_field": ("deeplab_tf.inference.mean_field", "mean_field"),
    "multi_scale": ("deeplab_tf.inference.multi_scale", "multi_scale"),
    "overlay": ("deeplab_tf.visualization.overlay", "overlay"),
    "predictor": ("deeplab_tf.inference.predictor", "predictor"),
    "saved_model_predictor": (
        "deeplab_tf.inference.saved_model_predictor",
        "saved_model_predictor",
    ),
    "sliding_window": ("deeplab_tf.inference.sliding_window", "sliding_window"),
    "tflite_predictor": ("deeplab_tf.inference.tflite_predictor", "tflite_predictor"),
    "train": ("deeplab_tf.training.train", "train"),
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'deeplab_tf' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
