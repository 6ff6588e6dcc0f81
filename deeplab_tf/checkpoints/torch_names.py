# Licensed under the Apache License, Version 2.0.
"""What PyTorch's networks call our variables: modules, parameters and layouts."""

import re
from collections.abc import Callable

# Our layer -> its modules in a state dict: (convolution, norm).
Modules = Callable[[str], tuple[str, str]]

_NORM = {
    "norm/gamma": "weight",
    "norm/beta": "bias",
    "norm/moving_mean": "running_mean",
    "norm/moving_variance": "running_var",
}
_CONV = {"kernel": "weight", "depthwise_kernel": "weight", "bias": "bias"}
_VARIABLE = re.compile(f"^(.+?)/({'|'.join([*_NORM, *_CONV])})$")

# Where each of our parts begins; all else is the backbone.
_HEAD = re.compile(r"^(aspp|decoder|logits)(/|$)")


def torch_name(
    path: str, *, backbone: Modules, prefix: str = "", head: Modules | None = None
) -> str:
    """Returns what a state dict calls our variable at `path`.

    Args:
        path: as `block1_unit_1_conv1/norm/gamma`.
        backbone: modules of the feature extractor.
        prefix: stands before them.
        head: modules of what follows; None where the source has nothing of it.
    """
    match = _VARIABLE.match(path)
    if match is None:
        return path
    layer, variable = match.groups()
    if _HEAD.match(layer) is None:
        conv, norm = (prefix + module for module in backbone(layer))
    elif head is not None:
        conv, norm = head(layer)
    else:
        return path
    if variable in _NORM:
        return f"{norm}.{_NORM[variable]}"
    return f"{conv}.{_CONV[variable]}"


def torch_axes(path: str) -> tuple[int, ...] | None:
    """Returns the axes of PyTorch's layout in the order of ours."""
    if path.endswith("/depthwise_kernel"):
        return 2, 3, 0, 1  # [C, 1, height, width]
    if path.endswith("/kernel"):
        return 2, 3, 1, 0  # [D, C, height, width]
    return None


def sequence(module: str, first: int = 0) -> tuple[str, str]:
    """Returns a convolution of a sequence and the norm behind it.

    Args:
        module: the sequence.
        first: place of the convolution in it.
    """
    return f"{module}.{first}", f"{module}.{first + 1}"


def aspp_modules(layer: str, *, aspp: str) -> tuple[str, str]:
    """Returns convolution and norm of one of our layers in ASPP.

    Args:
        layer: as `aspp1`.
        aspp: module of the whole.
    """
    if layer == "image_pooling/conv":
        # Its first is the pooling.
        return sequence(f"{aspp}.convs.4", 1)
    if layer == "concat_projection":
        return sequence(f"{aspp}.project")
    return sequence(f"{aspp}.convs.{layer.removeprefix('aspp')}")
