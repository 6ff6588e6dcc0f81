# Licensed under the Apache License, Version 2.0.
"""Which output strides the backbones of DeepLab have."""

OUTPUT_STRIDES = (8, 16, 32)


def check_output_stride(output_stride: int) -> None:
    """Raises ValueError unless it is one that atrous backbones have."""
    if output_stride not in OUTPUT_STRIDES:
        raise ValueError(f"output_stride must be 8, 16 or 32, got {output_stride}.")
