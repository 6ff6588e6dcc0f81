# Licensed under the Apache License, Version 2.0.
"""Which parameters of a CRF a search tries, and those of each paper."""

import dataclasses

from deeplab_tf.config.dense_crf import DenseCRFConfig

# Parameter of a CRF -> field with the values that are tried.
AXES = {
    "bilateral_weight": "bilateral_weights",
    "bilateral_xy": "bilateral_xys",
    "bilateral_rgb": "bilateral_rgbs",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CRFSearchSpace:
    """A grid over the bilateral kernel. All else of the CRF is fixed.

    Attributes:
        bilateral_weights: values of `bilateral_weight`, in ascending order.
        bilateral_xys: values of `bilateral_xy`, in ascending order.
        bilateral_rgbs: values of `bilateral_rgb`, in ascending order.
        fixed: the other parameters.
    """

    bilateral_weights: tuple[float, ...]
    bilateral_xys: tuple[float, ...]
    bilateral_rgbs: tuple[float, ...]
    fixed: DenseCRFConfig = DenseCRFConfig()

    def __post_init__(self) -> None:
        for name in AXES.values():
            values = getattr(self, name)
            if not values or list(values) != sorted(set(values)):
                raise ValueError(
                    f"{name} must be numbers in ascending order, got {values}."
                )
        # All that is wrong with a value is told before the search begins.
        for index in ((0, 0, 0), tuple(size - 1 for size in self.shape)):
            self.config(index)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of weight, position and colour."""
        return (
            len(self.bilateral_weights),
            len(self.bilateral_xys),
            len(self.bilateral_rgbs),
        )

    def at_end(self, config: DenseCRFConfig) -> tuple[str, ...]:
        """Returns the parameters of a CRF that are the first or last of their range."""
        ranges = {name: getattr(self, field) for name, field in AXES.items()}
        return tuple(
            name
            for name, values in ranges.items()
            if len(values) > 1 and getattr(config, name) in (values[0], values[-1])
        )

    def config(self, index: tuple[int, ...]) -> DenseCRFConfig:
        """Returns the CRF at a place of the grid."""
        weight, xy, rgb = index
        return dataclasses.replace(
            self.fixed,
            bilateral_weight=self.bilateral_weights[weight],
            bilateral_xy=self.bilateral_xys[xy],
            bilateral_rgb=self.bilateral_rgbs[rgb],
        )


_TENS = tuple(10.0 * ten for ten in range(3, 11))

SEARCHES = {
    # DeepLab v1 (arXiv:1412.7062), section 5: w1 in [5, 10], deviations in
    # [50:10:100] and [3:1:10]; the spatial kernel is 3, 3.
    "deeplab_v1": CRFSearchSpace(
        bilateral_weights=(5.0, 6.0, 7.0, 8.0, 9.0, 10.0),
        bilateral_xys=_TENS[2:],
        bilateral_rgbs=(3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0),
        fixed=DenseCRFConfig(spatial_weight=3.0, spatial_xy=3.0),
    ),
    # DeepLab v2 (arXiv:1606.00915), section 4: [3:6], [30:10:100] and [3:6].
    "deeplab_v2": CRFSearchSpace(
        bilateral_weights=(3.0, 4.0, 5.0, 6.0),
        bilateral_xys=_TENS,
        bilateral_rgbs=(3.0, 4.0, 5.0, 6.0),
        fixed=DenseCRFConfig(spatial_weight=3.0, spatial_xy=3.0),
    ),
}
