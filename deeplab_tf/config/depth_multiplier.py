# Licensed under the Apache License, Version 2.0.
"""Which widths the MobileNets have."""


def check_depth_multiplier(depth_multiplier: float) -> None:
    """Raises ValueError unless it is a factor on numbers of channels."""
    if depth_multiplier <= 0:
        raise ValueError(f"depth_multiplier must be positive, got {depth_multiplier}.")
