# Licensed under the Apache License, Version 2.0.
"""The names of tf_slim's backbones: scope -> replacements in the paths of ours."""

_MOBILENET = (
    (r"^conv/", "{scope}/Conv/"),
    (r"^(expanded_conv(_\d+)?)_(expand|depthwise|project)/", r"{scope}/\1/\3/"),
)
_RESNET_STEM = (r"^(conv1(_\d)?)/", r"{scope}/\1/")
_RESNET_UNIT = r"^(block\d)_(unit_\d+)_(\w+?)/"
_LITE_RESNET = (
    _RESNET_STEM,
    (_RESNET_UNIT, r"{scope}/\1/\2/lite_bottleneck_v1/\3/"),
)
_RESNET = (
    _RESNET_STEM,
    (_RESNET_UNIT, r"{scope}/\1/\2/bottleneck_v1/\3/"),
)
_XCEPTION = (
    (r"^entry_flow_(conv1_\d)/", r"{scope}/entry_flow/\1/"),
    (
        r"^(\w+)_flow_(block\d)_(unit_\d+)_(separable_conv\d|shortcut)/",
        r"{scope}/\1_flow/\2/\3/xception_module/\4/",
    ),
    (r"(separable_conv\d)/(depthwise|pointwise)/", r"\1_\2/"),
)

# Scope of a backbone -> (pattern, replacement) pairs that are applied in this order;
# {scope} stands for the scope.
BACKBONES: dict[str, tuple[tuple[str, str], ...]] = {
    "MobilenetV2": _MOBILENET,
    "resnet_v1_18": _LITE_RESNET,
    "resnet_v1_50": _RESNET,
    "resnet_v1_101": _RESNET,
    "xception_41": _XCEPTION,
    "xception_65": _XCEPTION,
    "xception_71": _XCEPTION,
}

# Tensors of classifiers of whole images, which segmentation has no use for.
CLASSIFIERS = (
    r"^MobilenetV2/(Conv_1|Logits|Predictions)/",
    r"^(resnet_v1|xception)_\d+/logits/",
)
