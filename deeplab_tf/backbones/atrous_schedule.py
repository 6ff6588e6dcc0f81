# Licensed under the Apache License, Version 2.0.
"""Strides beyond the output stride become rates: the only place that does it."""


class AtrousSchedule:
    """Walks through a network's strides and says what each layer really does.

    Until the output stride is reached, a layer keeps its stride. From then on a
    strided layer runs with stride 1 and the rate so far, and only the layers behind
    it get that rate times its stride, so that every kernel samples the pixels that it
    would have seen in the strided network.

    Reference: DeepLabv3 (arXiv:1706.05587), section 3.1; slim's mobilenet_base.

    Args:
        output_stride: the stride at which the features stop shrinking.
    """

    def __init__(self, output_stride: int):
        self._output_stride = output_stride
        self.stride = 1
        self._rate = 1

    def step(self, stride: int) -> tuple[int, int]:
        """Takes the next layer's stride and returns its (stride, rate)."""
        if self.stride == self._output_stride:
            rate = self._rate
            self._rate *= stride
            return 1, rate
        self.stride *= stride
        return stride, 1
