# Licensed under the Apache License, Version 2.0.
"""The permutohedral lattice against all pairs, and its own properties."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.inference import permutohedral_lattice
from deeplab_tf.inference.permutohedral_lattice import (
    build_lattice,
    lattice_filter,
    lattice_sums,
)


def scattered(dimensions, count, *, spread=2.0, seed=0):
    generator = np.random.default_rng(seed)
    points = generator.normal(0, spread, (dimensions, count))
    return points.astype(np.float32)


def gaussian(points):
    """Returns the weights of all pairs of points, [N, N]."""
    differences = points[:, :, None] - points[:, None, :]
    return np.exp(-0.5 * np.square(differences).sum(axis=0))


@pytest.mark.parametrize("count", range(1, 9))
def test_network_sorts_all_zeros_and_ones(count):
    # What sorts these sorts all numbers (the 0-1 principle).
    network = permutohedral_lattice._sorting_network(count)
    for bits in itertools.product((0, 1), repeat=count):
        rows = list(bits)
        for high, low in network:
            rows[high], rows[low] = (
                max(rows[high], rows[low]),
                min(rows[high], rows[low]),
            )
        assert rows == sorted(bits, reverse=True)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5, 7])
def test_weights_are_barycentric(dimensions):
    lattice = build_lattice(tf.constant(scattered(dimensions, 200)))
    weights = lattice.weights.numpy()
    assert weights.shape == (200, dimensions + 1)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
def test_corners_of_a_point_differ(dimensions):
    corners = build_lattice(tf.constant(scattered(dimensions, 300))).corners.numpy()
    for row in corners:
        assert len(set(row)) == dimensions + 1


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
def test_points_are_where_their_weights_say(dimensions):
    # The weighted mean of the corners is the point itself: with the corners' places
    # solved for from the points, one solution fits all.
    points = scattered(dimensions, 2000, spread=0.7)
    lattice = build_lattice(tf.constant(points))
    count = int(lattice.num_corners)
    matrix = np.zeros((2000, count))
    rows = np.arange(2000)[:, None]
    np.add.at(matrix, (rows, lattice.corners.numpy()), lattice.weights.numpy())
    places, *_ = np.linalg.lstsq(matrix, points.T, rcond=None)
    np.testing.assert_allclose(matrix @ places, points.T, atol=1e-3)


@pytest.mark.parametrize("dimensions", [2, 5])
def test_neighbors_are_mutual(dimensions):
    lattice = build_lattice(tf.constant(scattered(dimensions, 400)))
    found = 0
    for neighbors in lattice.neighbors:
        for corner, (after, before) in enumerate(neighbors.numpy()):
            if after >= 0:
                assert neighbors[after, 1] == corner
                found += 1
            if before >= 0:
                assert neighbors[before, 0] == corner
    assert found > 0


def test_all_neighbors_of_a_dense_line_are_found():
    points = np.linspace(0, 20, 2001, dtype=np.float32)[None]
    lattice = build_lattice(tf.constant(points))
    for neighbors in lattice.neighbors:
        # Only the two ends lack one.
        assert (neighbors.numpy() < 0).sum() == 2


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
def test_filter_is_near_the_sum_over_all_pairs(dimensions):
    points = scattered(dimensions, 1500, spread=0.8)
    values = np.random.default_rng(1).uniform(0, 1, (1500, 4)).astype(np.float32)
    lattice = build_lattice(tf.constant(points))
    found = lattice_filter(lattice)(tf.constant(values)).numpy()
    expected = gaussian(points) @ values
    error = np.abs(found / found.sum() - expected / expected.sum()).sum()
    assert error < 0.08


def test_constant_values_stay_constant_under_division_by_sums():
    lattice = build_lattice(tf.constant(scattered(5, 300)))
    values = tf.fill([300, 2], 3.0)
    found = lattice_filter(lattice)(values) / lattice_sums(lattice)[:, None]
    np.testing.assert_allclose(found.numpy(), 3.0, rtol=1e-5)


@pytest.mark.parametrize("dimensions", [2, 5])
def test_sums_are_the_filter_of_ones(dimensions):
    lattice = build_lattice(tf.constant(scattered(dimensions, 300)))
    ones = lattice_filter(lattice)(tf.ones([300, 1]))[:, 0]
    np.testing.assert_allclose(lattice_sums(lattice), ones, rtol=1e-5)


def test_points_far_apart_do_not_mix():
    points = np.array([[0.0, 100.0], [0.0, 100.0]], np.float32)
    lattice = build_lattice(tf.constant(points))
    found = lattice_filter(lattice)(tf.constant([[1.0], [0.0]])).numpy()
    assert found[0, 0] > 0
    assert found[1, 0] == 0


def test_equal_points_share_their_values_evenly():
    lattice = build_lattice(tf.constant(np.full((5, 3), 1.7, np.float32)))
    found = lattice_filter(lattice)(tf.constant([[3.0], [0.0], [0.0]])).numpy()
    np.testing.assert_allclose(found, found[0, 0], rtol=1e-6)


def test_factors_multiply_before_and_after():
    lattice = build_lattice(tf.constant(scattered(3, 50)))
    values = tf.random.stateless_uniform([50, 2], [1, 2])
    send = tf.random.stateless_uniform([50], [3, 4])
    receive = tf.random.stateless_uniform([50], [5, 6])
    found = lattice_filter(lattice, send=send, receive=receive)(values)
    plain = lattice_filter(lattice)(values * send[:, None]) * receive[:, None]
    np.testing.assert_allclose(found.numpy(), plain.numpy(), rtol=1e-5)


def test_gradient_is_the_transposed_matrix():
    count = 40
    lattice = build_lattice(tf.constant(scattered(5, count)))
    send = tf.random.stateless_uniform([count], [3, 4])
    apply = lattice_filter(lattice, send=send)
    matrix = apply(tf.eye(count)).numpy()
    values = tf.Variable(tf.random.stateless_uniform([count, 3], [1, 2]))
    upstream = tf.random.stateless_uniform([count, 3], [5, 6])
    with tf.GradientTape() as tape:
        score = tf.reduce_sum(upstream * apply(values))
    gradient = tape.gradient(score, values).numpy()
    np.testing.assert_allclose(gradient, matrix.T @ upstream.numpy(), rtol=1e-4)


def test_order_of_points_does_not_matter():
    points = scattered(5, 100)
    values = np.random.default_rng(1).uniform(0, 1, (100, 2)).astype(np.float32)
    order = np.random.default_rng(2).permutation(100)
    straight = lattice_filter(build_lattice(tf.constant(points)))(values).numpy()
    mixed = lattice_filter(build_lattice(tf.constant(points[:, order])))(values[order])
    np.testing.assert_allclose(mixed.numpy(), straight[order], rtol=1e-4, atol=1e-6)


def test_one_point_is_its_own_neighbor():
    lattice = build_lattice(tf.constant(scattered(5, 1)))
    assert int(lattice.num_corners) == 6
    assert lattice_filter(lattice)(tf.ones([1, 1])).numpy() > 0


def test_eight_dimensions_are_refused():
    with pytest.raises(ValueError, match="1 to 7 dimensions"):
        build_lattice(tf.zeros([8, 10]))


def test_points_that_reach_too_far_are_refused():
    points = tf.constant(scattered(5, 20, spread=1e6))
    with pytest.raises(tf.errors.InvalidArgumentError, match="larger deviations"):
        build_lattice(points)


def test_small_deviations_on_a_large_photo_have_room():
    # The corners of 4000 x 3000 pixels of all colours, 3 pixels and levels wide.
    sides = np.array([4000, 3000, 255, 255, 255], np.float32) / 3
    generator = np.random.default_rng(0)
    points = generator.uniform(0, 1, (5, 50)).astype(np.float32) * sides[:, None]
    points[:, 0], points[:, 1] = 0, sides
    lattice = build_lattice(tf.constant(points))
    # All are far from each other.
    assert int(lattice.num_corners) == 50 * 6


def test_works_in_a_graph_of_unknown_size():
    @tf.function(
        input_signature=[
            tf.TensorSpec([5, None], tf.float32),
            tf.TensorSpec([None, None], tf.float32),
        ]
    )
    def run(points, values):
        return lattice_filter(build_lattice(points))(values)

    for count in (3, 60):
        points = tf.constant(scattered(5, count))
        values = tf.random.stateless_uniform([count, 2], [1, 2])
        eager = lattice_filter(build_lattice(points))(values)
        np.testing.assert_allclose(run(points, values), eager, rtol=1e-5)
