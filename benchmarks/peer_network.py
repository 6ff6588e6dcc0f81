# Licensed under the Apache License, Version 2.0.
"""torchvision's DeepLabv3, and the same with our places of strides and rates.

torchvision puts the stride of a block into its first unit, the original and we into
its last one; it lets the first unit of a block keep the rate of the block before, and
it puts a 3x3 convolution between the pyramid and the classifier. `network` takes these
away, so that both sides do the same multiply-adds; all else is torchvision's.
"""

import sys
import types

from benchmarks import multiply_adds

OUTPUT_STRIDE = 8
RATES = (12, 24, 36)


def network(name: str, *, num_classes: int, changed: bool = True):
    """Returns torchvision's network of random weights.

    Args:
        name: "resnet_v1_50", "resnet_v1_101", or a network of torchvision by its
            own name, which then stays as it is.
        num_classes: channels of the logits.
        changed: whether it does our multiply-adds; if not, it is as torchvision has
            it.
    """
    _allow_other_torch()
    from torch import nn
    from torchvision.models import segmentation

    build = {
        "resnet_v1_50": segmentation.deeplabv3_resnet50,
        "resnet_v1_101": segmentation.deeplabv3_resnet101,
        "deeplabv3_resnet50": segmentation.deeplabv3_resnet50,
        "deeplabv3_resnet101": segmentation.deeplabv3_resnet101,
        "deeplabv3_mobilenet_v3_large": segmentation.deeplabv3_mobilenet_v3_large,
    }[name]
    model = build(
        weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=False
    )
    if changed and name.startswith("resnet"):
        _move_strides(model.backbone)
        _set_rates(model.backbone)
        pyramid, _, _, _, logits = model.classifier
        model.classifier = nn.Sequential(pyramid, logits)
    return model


def count_multiply_adds(model, *, crop_size: int) -> int:
    """Returns the multiply-adds of the convolutions on one image, without padding.

    Args:
        model: a network in evaluation mode.
        crop_size: height and width of the image.
    """
    import torch

    total = 0

    def count(layer, inputs, output):
        nonlocal total
        sides = [
            (
                inputs[0].shape[2 + axis],
                output.shape[2 + axis],
                layer.kernel_size[axis],
                layer.stride[axis],
                layer.dilation[axis],
                layer.padding[axis],
            )
            for axis in (0, 1)
        ]
        total += multiply_adds.count(
            channels=layer.in_channels,
            filters=layer.out_channels,
            rows=sides[0],
            columns=sides[1],
        )

    hooks = [
        layer.register_forward_hook(count)
        for layer in model.modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    with torch.inference_mode():
        model(torch.zeros(1, 3, crop_size, crop_size))
    for hook in hooks:
        hook.remove()
    return total


def _allow_other_torch() -> None:
    """Lets torchvision be imported beside a torch that it was not compiled for.

    Its own operations, none of which is used here, are not registered then.
    """
    sys.modules.setdefault(
        "torchvision._meta_registrations", types.ModuleType("_meta_registrations")
    )


def _move_strides(backbone) -> None:
    """Moves the stride of layer2 from its first unit into the last one of layer1."""
    from torch import nn

    last, first = backbone.layer1[-1], backbone.layer2[0]
    for layer in (first.conv2, first.downsample[0]):
        layer.stride = (1, 1)
    last.conv2.stride = (2, 2)
    # A pool of one pixel: the shortcut leaves out every other one.
    last.downsample = nn.MaxPool2d(1, 2)


def _set_rates(backbone) -> None:
    """Gives all units of layer3 the rate 2, and all of layer4 the rate 4."""
    for layer, rate in ((backbone.layer3, 2), (backbone.layer4, 4)):
        for unit in layer:
            unit.conv2.dilation = unit.conv2.padding = (rate, rate)
