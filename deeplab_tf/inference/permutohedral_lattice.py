# Licensed under the Apache License, Version 2.0.
"""Gaussian filtering of scattered points on the permutohedral lattice.

Each point spreads its values over the d + 1 corners of the simplex that holds it
(splat), the values are blurred along the d + 1 axes of the lattice (blur), and each
point reads its corners back (slice). All three are products with sparse matrices.

Reference: A. Adams, J. Baek and M. Davis, Fast High-Dimensional Filtering Using the
Permutohedral Lattice, Eurographics 2010; the filter of arXiv:1210.5644.
"""

import dataclasses
import functools
import math
from collections.abc import Callable

import tensorflow as tf

# A sorted difference holds the number of its coordinate in its lowest bits.
_INDEX_BITS = 3
_SCALE = 2.0 ** (30 - _INDEX_BITS)
_MAX_DIMENSIONS = 2**_INDEX_BITS - 1

# Free digits beside those of the points' own corners, for the neighbours' keys.
_MARGIN = 3
_MAX_KEY = 2.0**62


@dataclasses.dataclass(frozen=True, kw_only=True)
class PermutohedralLattice:
    """The corners that a set of points needs, and how they are connected.

    Attributes:
        corners: [N, d + 1] int32, the corners of the simplex of each point.
        weights: [N, d + 1] float32, the barycentric coordinates of the point there.
        neighbors: for each of the d + 1 axes [M, 2] int32: the corner behind each and
            the one before it; -1 where no point needs that one.
    """

    corners: tf.Tensor
    weights: tf.Tensor
    neighbors: tuple[tf.Tensor, ...]

    @property
    def num_corners(self) -> tf.Tensor:
        """Returns M, an int32 scalar."""
        return tf.shape(self.neighbors[0])[0]


def build_lattice(points: tf.Tensor) -> PermutohedralLattice:
    """Finds the corners around points and their neighbours.

    Args:
        points: [d, N] float32, in units of the deviation of the Gaussian; d <= 7.

    Returns:
        The lattice, on which `lattice_filter` works.

    Raises:
        ValueError: more than 7 dimensions.
        tf.errors.InvalidArgumentError: the points reach so far that corners cannot be
            counted.
    """
    dimensions = points.shape[0]
    if dimensions is None or not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise ValueError(
            f"points must be [d, N] with 1 to {_MAX_DIMENSIONS} dimensions, got the "
            f"shape {points.shape}."
        )
    rounded, order, weights = _simplices(points)
    # The sum says the last coordinate, and has few values.
    total = tf.reduce_sum(rounded, axis=0, keepdims=True)
    rounded = tf.concat([rounded[:-1], total], axis=0)
    lowest = tf.reduce_min(rounded, axis=1)
    # Digits of numbers: as many as a coordinate has values.
    sizes = tf.reduce_max(rounded, axis=1) - lowest + 1.0
    _check_range(sizes, dimensions)
    # Few simplices hold most points: only theirs are the corners looked for.
    codes = _encode(rounded - lowest[:, None], sizes, order)
    unique_codes, simplices = tf.unique(codes)
    keys, axes = _corner_keys(unique_codes, lowest, sizes)
    sorted_keys, corners = _number_keys(keys)
    return PermutohedralLattice(
        corners=tf.gather(corners, simplices),
        weights=weights,
        neighbors=tuple(_neighbors(sorted_keys, axis) for axis in axes),
    )


def lattice_filter(
    lattice: PermutohedralLattice,
    *,
    send: tf.Tensor | None = None,
    receive: tf.Tensor | None = None,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the filter of a lattice, a linear function of values.

    Its gradient is the exact one of what it computes: the transposed products in the
    opposite order, since axes of a lattice with holes do not commute.

    Args:
        lattice: of N points.
        send: [N] factors on the values before; None is 1.
        receive: [N] factors on the result; None is 1.

    Returns:
        [N, C] float32 -> [N, C], the sums over all points with the Gaussian of their
        distance as weights.
    """
    splat, slice_ = _point_matrices(lattice, send, receive)
    blurs = [_blur_matrix(neighbors) for neighbors in lattice.neighbors]
    scale = _scale(lattice)
    product = tf.sparse.sparse_dense_matmul

    # TensorFlow's own would make a gradient of each weight of a matrix, too.
    @tf.custom_gradient
    def apply(values: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            spread = product(slice_, upstream, adjoint_a=True)
            for blur in reversed(blurs):
                # It is symmetric.
                spread += product(blur, spread)
            return product(splat, scale * spread)

        spread = product(splat, values, adjoint_a=True)
        for blur in blurs:
            spread += product(blur, spread)
        return product(slice_, scale * spread), gradient

    return apply


def lattice_sums(lattice: PermutohedralLattice) -> tf.Tensor:
    """Returns the filter of ones: [N] float32, the sum of the weights of each point."""
    spread = tf.math.unsorted_segment_sum(
        lattice.weights, lattice.corners, lattice.num_corners
    )
    for neighbors in lattice.neighbors:
        around = tf.concat([spread, [0.0]], axis=0)
        places = tf.where(neighbors < 0, tf.size(spread), neighbors)
        spread += 0.5 * tf.reduce_sum(tf.gather(around, places), axis=1)
    found = tf.gather(spread, lattice.corners) * lattice.weights
    return _scale(lattice) * tf.reduce_sum(found, axis=1)


def _scale(lattice: PermutohedralLattice) -> float:
    """Returns what the product of both ends and the blurs is multiplied with."""
    return 1.0 / (1.0 + 2.0 ** (1 - len(lattice.neighbors)))


def _simplices(points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the simplex of each point.

    Returns:
        The nearest point whose coordinates are multiples of d + 1, divided by it,
        [d + 1, N] float32; the coordinates in descending order of what the point has
        over it, [d + 1, N] int32; and the weights of the corners, [N, d + 1].
    """
    count = points.shape[0] + 1
    elevated = _elevate(points)
    rounded = tf.round(elevated / count)
    excess = (elevated - rounded * count) / count
    # One number for both, so that a sort of six is a few minima and maxima. Of equal
    # ones the first coordinate comes first.
    numbers = tf.range(count - 1, -1, -1, dtype=tf.int32)
    tagged = tf.cast(excess * _SCALE, tf.int32) * 2**_INDEX_BITS + numbers[:, None]
    rows = tf.unstack(tagged)
    for high, low in _sorting_network(count):
        large, small = rows[high], rows[low]
        rows[high], rows[low] = tf.maximum(large, small), tf.minimum(large, small)
    ordered = tf.stack(rows)
    order = count - 1 - tf.bitwise.bitwise_and(ordered, 2**_INDEX_BITS - 1)
    excess = tf.cast(tf.bitwise.right_shift(ordered, _INDEX_BITS), tf.float32) / _SCALE
    # The corner behind place r takes what place r has over the next one.
    weights = tf.concat(
        [excess[:-1] - excess[1:], 1.0 + excess[-1:] - excess[:1]], axis=0
    )
    return rounded, order, tf.transpose(weights)


def _elevate(points: tf.Tensor) -> tf.Tensor:
    """Returns points on the plane of d + 1 coordinates with the sum 0."""
    dimensions = points.shape[0]
    deviation = math.sqrt(2.0 / 3.0) * (dimensions + 1)
    scaled = [
        points[i] * (deviation / math.sqrt((i + 1) * (i + 2)))
        for i in range(dimensions)
    ]
    # In this order, for points on the border between simplices are not rare (position
    # 0, grey pixels), and rounding says which corners they make.
    total = tf.zeros_like(scaled[0])
    coordinates = []
    for i in range(dimensions, 0, -1):
        coordinates.append(total - i * scaled[i - 1])
        total += scaled[i - 1]
    return tf.stack([total, *reversed(coordinates)])


@functools.cache
def _sorting_network(count: int) -> tuple[tuple[int, int], ...]:
    """Returns the exchanges that sort `count` numbers (Batcher's odd-even merge)."""
    exchanges = []
    step = 1
    while step < count:
        distance = step
        while distance >= 1:
            for first in range(distance % step, count - distance, 2 * distance):
                for i in range(min(distance, count - first - distance)):
                    low, high = first + i, first + i + distance
                    if low // (2 * step) == high // (2 * step):
                        exchanges.append((low, high))
            distance //= 2
        step *= 2
    return tuple(exchanges)


def _check_range(sizes: tf.Tensor, dimensions: int) -> None:
    sizes = tf.cast(sizes, tf.float64)
    codes = tf.reduce_prod(sizes) * 2.0 ** (_INDEX_BITS * dimensions)
    keys = tf.reduce_prod((sizes[:-1] + 2 * _MARGIN) * (dimensions + 1))
    tf.debugging.assert_less(
        tf.maximum(codes, keys),
        tf.constant(_MAX_KEY, tf.float64),
        message="The points of a lattice reach over too many deviations: take larger "
        "deviations for the kernel (of a CRF: bilateral_xy, bilateral_rgb).",
    )


def _encode(digits: tf.Tensor, sizes: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
    """Returns one int64 number for each simplex, [N]."""
    places = _place_values(tf.cast(sizes, tf.int64))
    code = tf.reduce_sum(tf.cast(digits, tf.int64) * places[:, None], axis=0)
    # The last coordinate of the order follows from the others.
    dimensions = order.shape[0] - 1
    shifts = _shifts(dimensions)
    order_code = tf.reduce_sum(order[:-1] * tf.cast(shifts, tf.int32)[:, None], axis=0)
    return code * 2 ** (_INDEX_BITS * dimensions) + tf.cast(order_code, tf.int64)


def _place_values(sizes: tf.Tensor) -> tf.Tensor:
    return tf.math.cumprod(sizes, exclusive=True, reverse=True)


def _shifts(count: int) -> tf.Tensor:
    return tf.constant([2 ** (_INDEX_BITS * i) for i in range(count)], tf.int64)


def _corner_keys(
    codes: tf.Tensor, lowest: tf.Tensor, sizes: tf.Tensor
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the keys of the corners of simplices.

    Args:
        codes: [S] from `_encode`.
        lowest: [d + 1] the smallest of the first d coordinates and of the sum of all.
        sizes: [d + 1] how many values each of them has.

    Returns:
        [S, d + 1] int64, and for each axis the difference of the keys of neighbours.
    """
    count = sizes.shape[0]
    dimensions = count - 1
    sizes = tf.cast(sizes, tf.int64)
    base = 2 ** (_INDEX_BITS * dimensions)
    digits = codes // base // _place_values(sizes)[:, None] % sizes[:, None]
    order = codes % base // _shifts(dimensions)[:, None] % 2**_INDEX_BITS
    last = sum(range(count)) - tf.reduce_sum(order, axis=0)
    order = tf.concat([order, last[None]], axis=0)
    # A key leaves the last coordinate out: their sum is 0.
    key_sizes = (sizes[:-1] + 2 * _MARGIN) * count
    places = tf.concat([_place_values(key_sizes), [0]], axis=0)
    origin = tf.reduce_sum((digits + _MARGIN) * count * places[:, None], axis=0)
    # The corner behind place r: those behind it lie d + 1 lower, and all move by the
    # same so that the sum is 0.
    behind = tf.cumsum(tf.gather(places, order), reverse=True, exclusive=True)
    excess = digits[-1] + tf.cast(lowest[-1], tf.int64)
    shift = tf.range(dimensions, -1, -1, dtype=tf.int64)[:, None] - excess
    one = tf.reduce_sum(places)
    keys = origin + shift * one - count * behind
    return tf.transpose(keys), [count * places[axis] - one for axis in range(count)]


def _number_keys(keys: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the different keys, sorted, and the number of each key among them."""
    unique, numbers = tf.unique(tf.reshape(keys, [-1]))
    order = tf.argsort(unique)
    places = tf.scatter_nd(order[:, None], tf.range(tf.size(order)), tf.shape(order))
    numbers = tf.reshape(tf.gather(places, numbers), tf.shape(keys))
    return tf.gather(unique, order), numbers


def _neighbors(sorted_keys: tf.Tensor, difference: tf.Tensor) -> tf.Tensor:
    """Returns [M, 2]: the corners behind and before each along an axis, or -1."""
    count = tf.size(sorted_keys)

    def find(keys: tf.Tensor) -> tf.Tensor:
        found = tf.minimum(tf.searchsorted(sorted_keys, keys), count - 1)
        return tf.where(tf.equal(tf.gather(sorted_keys, found), keys), found, -1)

    both = [find(sorted_keys + difference), find(sorted_keys - difference)]
    return tf.stack(both, axis=1)


def _point_matrices(
    lattice: PermutohedralLattice, *factors: tf.Tensor | None
) -> list[tf.SparseTensor]:
    """Returns the [N, M] matrix of weights for each list of factors of the points."""
    num_points, per_point = tf.unstack(tf.shape(lattice.corners, tf.int64))
    rows = tf.repeat(tf.range(num_points), per_point)
    columns = tf.cast(tf.reshape(lattice.corners, [-1]), tf.int64)
    indices = tf.stack([rows, columns], axis=1)
    shape = tf.stack([num_points, tf.cast(lattice.num_corners, tf.int64)])
    matrices = []
    for factor in factors:
        weights = lattice.weights
        if factor is not None:
            weights = weights * factor[:, None]
        matrices.append(tf.SparseTensor(indices, tf.reshape(weights, [-1]), shape))
    return matrices


def _blur_matrix(neighbors: tf.Tensor) -> tf.SparseTensor:
    """Returns the [M, M] matrix that gives each corner half of its neighbours."""
    there = tf.where(neighbors >= 0)
    columns = tf.cast(tf.gather_nd(neighbors, there), tf.int64)
    count = tf.shape(neighbors, tf.int64)[0]
    return tf.SparseTensor(
        tf.stack([there[:, 0], columns], axis=1),
        tf.fill(tf.shape(columns), 0.5),
        tf.stack([count, count]),
    )
