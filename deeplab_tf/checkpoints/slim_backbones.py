# Licensed under the Apache License, Version 2.0.
"""The names of tf_slim's backbones: scope -> replacements in the paths of ours."""

_IMAGE_LOGITS = (r"^image_logits/", "{scope}/logits/")
_MOBILENET = (
    (r"^image_logits/", "{scope}/Logits/Conv2d_1c_1x1/"),
    (r"^conv((_[12])?)/", r"{scope}/Conv\1/"),
    (
        r"^(expanded_conv(_\d+)?)_(expand|depthwise|project|squeeze_excite)/",
        r"{scope}/\1/\3/",
    ),
    (r"/squeeze_excite/conv((_1)?)/", r"/squeeze_excite/Conv\1/"),
)
_VGG = (
    (r"^image_logits/", "{scope}/fc8/"),
    (r"^(conv\d)_(\d)/", r"{scope}/\1/\1_\2/"),
    (r"^(fc\d(_\d+)?)/", r"{scope}/\1/"),
)
_RESNET_STEM = (r"^(conv1(_\d)?)/", r"{scope}/\1/")
_RESNET_UNIT = r"^(block\d)_(unit_\d+)_(\w+?)/"
_LITE_RESNET = (
    _IMAGE_LOGITS,
    _RESNET_STEM,
    (_RESNET_UNIT, r"{scope}/\1/\2/lite_bottleneck_v1/\3/"),
)
_RESNET = (
    _IMAGE_LOGITS,
    _RESNET_STEM,
    (_RESNET_UNIT, r"{scope}/\1/\2/bottleneck_v1/\3/"),
)
_XCEPTION = (
    _IMAGE_LOGITS,
    (r"^entry_flow_(conv1_\d)/", r"{scope}/entry_flow/\1/"),
    (
        r"^(\w+)_flow_(block\d)_(unit_\d+)_(separable_conv\d|shortcut)/",
        r"{scope}/\1_flow/\2/\3/xception_module/\4/",
    ),
    (r"(separable_conv\d)/(depthwise|pointwise)/", r"\1_\2/"),
)
_NASNET = (
    _IMAGE_LOGITS,
    (r"^(conv\d)/norm/", r"{scope}/\1_bn/"),
    (r"^(conv\d)/", r"{scope}/\1/"),
    (r"^(cell_\d+)_prev_1x1/norm/", r"{scope}/\1/prev_bn/"),
    (r"^(cell_\d+)_1x1/norm/", r"{scope}/\1/beginning_bn/"),
    (r"^(cell_\d+)_(prev_1x1|1x1)/", r"{scope}/\1/\2/"),
    (r"^(cell_\d+)_(comb_iter_\d)_(left|right)_", r"{scope}/\1/\2/\3/"),
    (r"/atrous_(\dx\d)/norm/", r"/bn_atr_\1/"),
    (r"/separable_(\w+)/pointwise/norm/", r"/bn_sep_\1/"),
    (r"/separable_(\w+)/pointwise/kernel$", r"/separable_\1/pointwise_weights"),
    (r"/(left|right)/1x1/norm/", r"/\1/bn_1/"),
    (r"^(downsample_os\d+|classification_head)/norm/", r"{scope}/\1_bn/"),
    (r"^(downsample_os\d+|classification_head)/", r"{scope}/\1_conv/"),
)

# Scope of a backbone -> (pattern, replacement) pairs that are applied in this order;
# {scope} stands for the scope.
BACKBONES: dict[str, tuple[tuple[str, str], ...]] = {
    "MobilenetV2": _MOBILENET,
    "MobilenetV3": _MOBILENET,
    "MobilenetEdgeTPU": _MOBILENET,
    "vgg_16": _VGG,
    "pnasnet": _NASNET,
    "hnasnet": _NASNET,
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
    r"^MobilenetV3/(Conv_2|Logits|Predictions)/",
    r"^MobilenetEdgeTPU/(Logits|Predictions)/",
    r"^vgg_16/fc[678]/",
    r"^[ph]nasnet/logits/",
    r"^(resnet_v1|xception)_\d+/logits/",
)
