# Licensed under the Apache License, Version 2.0.
"""The activations of the DeepLab networks, by name."""

from keras import ops


def activate(x, activation: str | None):
    """Applies an activation.

    Args:
        x: any tensor.
        activation: "relu", "relu6", "clip6", "hard_swish", "sigmoid",
            "hard_sigmoid", "q_sigmoid" or None, the identity. "clip6" clips to -6..6,
            the linear part of a bounded Xception; "hard_swish" is
            x * relu6(x + 3) / 6 (MobileNetV3), "hard_sigmoid" the factor of x in it;
            "q_sigmoid" is relu6(x + 3) * 0.16667, as research/deeplab/core/utils.py
            and slim's mobilenet_v3.py write it: not / 6.

    Raises:
        ValueError: there is no such activation.
    """
    if activation is None:
        return x
    if activation == "relu":
        return ops.relu(x)
    if activation == "relu6":
        return ops.relu6(x)
    if activation == "clip6":
        return ops.clip(x, -6.0, 6.0)
    if activation == "hard_swish":
        return x * ops.relu6(x + 3) * (1 / 6)
    if activation == "sigmoid":
        return ops.sigmoid(x)
    if activation == "hard_sigmoid":
        return ops.relu6(x + 3) * (1 / 6)
    if activation == "q_sigmoid":
        return ops.relu6(x + 3) * 0.16667
    raise ValueError(
        f"activation must be relu, relu6, clip6, hard_swish, sigmoid, "
        f"hard_sigmoid, q_sigmoid or None, got {activation!r}."
    )
