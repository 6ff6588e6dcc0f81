# Licensed under the Apache License, Version 2.0.
"""The multiply-adds of a convolution at which its kernel meets the image."""


def count(
    *, channels: int, filters: int, rows: tuple[int, ...], columns: tuple[int, ...]
) -> int:
    """Returns the multiply-adds of a convolution on one image.

    Args:
        channels: of the input.
        filters: of the result.
        rows: arguments of `count_meetings` for the height.
        columns: the same for the width.
    """
    return channels * filters * count_meetings(*rows) * count_meetings(*columns)


def count_meetings(
    size: int, results: int, samples: int, stride: int, rate: int, before: int
) -> int:
    """Returns how often a sample of a kernel meets a pixel along one side.

    Args:
        size: pixels of the input.
        results: pixels of the result.
        samples: of the kernel.
        stride: step of the kernel.
        rate: distance of its samples.
        before: pixels of padding in front of the input.
    """
    return sum(
        0 <= result * stride + sample * rate - before < size
        for result in range(results)
        for sample in range(samples)
    )
