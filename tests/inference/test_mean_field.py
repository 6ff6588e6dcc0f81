# Licensed under the Apache License, Version 2.0.
"""Mean field against loops over all pairs, and against its own properties."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.config.dense_crf import NORMALIZATIONS, PRESETS
from deeplab_tf.inference.mean_field import mean_field
from tests.inference.crf_cases import EXACT, SMALL, brute_force, case, softmax


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_exact_filter_is_the_sum_over_all_pairs(normalization):
    # Without normalisation sums are large: small weights keep labels undecided.
    small = {"bilateral_weight": 0.02, "spatial_weight": 0.05}
    changes = small if normalization == "none" else {}
    config = dataclasses.replace(EXACT, normalization=normalization, **changes)
    unaries, images = case()
    found = mean_field(unaries, images, config).numpy()
    expected = brute_force(unaries, images, config)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_exact_filter_at_24_by_24():
    unaries, images = case(24, 24, 4)
    config = dataclasses.replace(EXACT, bilateral_xy=20.0)
    found = mean_field(unaries, images, config).numpy()
    np.testing.assert_allclose(found, brute_force(unaries, images, config), atol=1e-5)


@pytest.mark.parametrize("normalization", NORMALIZATIONS[:3])
def test_lattice_is_near_the_sum_over_all_pairs(normalization):
    unaries, images = case(24, 24, 4)
    config = dataclasses.replace(SMALL, normalization=normalization)
    found = mean_field(unaries, images, config).numpy()
    expected = brute_force(unaries, images, config)
    # The lattice has a blur of three samples for a Gaussian.
    assert np.abs(found - expected).mean() < 0.01
    assert (found.argmax(-1) == expected.argmax(-1)).mean() > 0.99


def test_separable_convolution_is_the_sum_over_all_pairs():
    config = dataclasses.replace(SMALL, bilateral_weight=0.0, spatial_xy=2.0)
    unaries, images = case(20, 17)
    found = mean_field(unaries, images, config).numpy()
    expected = brute_force(unaries, images, config)
    # It is cut off at four deviations, where it is 3e-4.
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("deviation", [7.9, 8.1, 30.0])
def test_wide_spatial_kernel_is_near_the_sum_over_all_pairs(deviation):
    config = dataclasses.replace(SMALL, bilateral_weight=0.0, spatial_xy=deviation)
    unaries, images = case(24, 20)
    found = mean_field(unaries, images, config).numpy()
    assert np.abs(found - brute_force(unaries, images, config)).mean() < 0.01


@pytest.mark.parametrize("config", [SMALL, EXACT], ids=["lattice", "exact"])
def test_compatibility_is_a_cost_of_pairs(config):
    costs = ((0.0, 0.3, 1.0), (0.5, -0.2, 0.7), (1.0, 2.0, 0.0))
    config = dataclasses.replace(config, compatibility=costs)
    unaries, images = case()
    found = mean_field(unaries, images, config).numpy()
    expected = brute_force(unaries, images, config)
    tolerance = 1e-5 if config.filter == "exact" else 0.05
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize("config", [SMALL, EXACT], ids=["lattice", "exact"])
def test_potts_as_a_matrix_is_potts(config):
    unaries, images = case()
    potts = tuple(tuple(float(i != j) for j in range(3)) for i in range(3))
    given = dataclasses.replace(config, compatibility=potts)
    np.testing.assert_allclose(
        mean_field(unaries, images, given),
        mean_field(unaries, images, config),
        # Without normalisation of rows both differ by the sums of a kernel, a number
        # for all labels of a pixel.
        atol=1e-5,
    )


def test_probabilities_sum_to_one():
    unaries, images = case(batch=2)
    found = mean_field(unaries, images, SMALL).numpy()
    assert found.shape == unaries.shape
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)


def test_no_iterations_are_the_softmax():
    unaries, images = case()
    config = dataclasses.replace(SMALL, iterations=0)
    found = mean_field(unaries, images, config)
    np.testing.assert_allclose(found, softmax(-unaries), atol=1e-6)


def test_no_weights_are_the_softmax():
    unaries, images = case()
    config = dataclasses.replace(SMALL, bilateral_weight=0.0, spatial_weight=0.0)
    found = mean_field(unaries, images, config)
    np.testing.assert_allclose(found, softmax(-unaries), atol=1e-6)


def test_images_of_a_batch_do_not_meet():
    unaries, images = case(batch=3)
    together = mean_field(unaries, images, SMALL).numpy()
    for i in range(3):
        alone = mean_field(unaries[i : i + 1], images[i : i + 1], SMALL)
        np.testing.assert_allclose(together[i], alone[0], atol=1e-6)


def test_noise_in_the_unaries_is_smoothed_away():
    unaries, images = case(24, 24, 2)
    truth = np.zeros((24, 24), int)
    truth[:, 12:] = 1
    before = (softmax(-unaries)[0].argmax(-1) == truth).mean()
    after = (mean_field(unaries, images, SMALL).numpy()[0].argmax(-1) == truth).mean()
    assert before < 0.95
    assert after == 1


def test_border_follows_the_colours():
    # The unaries put the border two pixels too far; the colours know better.
    unaries, images = case(24, 24, 2)
    unaries = np.zeros_like(unaries)
    unaries[..., :10, 1] = unaries[..., 14:, 0] = 2.0
    unaries[..., 10:14, 0] = 0.2
    config = dataclasses.replace(SMALL, spatial_weight=0.0)
    found = mean_field(unaries, images, config).numpy()[0].argmax(-1)
    np.testing.assert_array_equal(found[:, :12], 0)
    np.testing.assert_array_equal(found[:, 12:], 1)


def rare_label_case():
    """Returns a case of 5 labels of which the last two are rare everywhere."""
    unaries, images = case(20, 20, 5)
    unaries[..., 3:] += 9
    probabilities = softmax(-unaries)
    assert (probabilities.max(axis=(0, 1, 2)) < 0.01).tolist() == [0, 0, 0, 1, 1]
    return unaries, images


def test_rare_labels_change_little():
    unaries, images = rare_label_case()
    all_labels = mean_field(unaries, images, SMALL).numpy()
    config = dataclasses.replace(SMALL, min_probability=0.01)
    found = mean_field(unaries, images, config).numpy()
    np.testing.assert_allclose(found, all_labels, atol=0.005)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
    assert not np.array_equal(found, all_labels)


def test_rare_labels_send_and_receive_nothing():
    # Among the rare labels of a pixel, the ratio of the unaries stays.
    unaries, images = rare_label_case()
    config = dataclasses.replace(SMALL, min_probability=0.01)
    found = mean_field(unaries, images, config).numpy()
    expected = np.exp(unaries[..., 4] - unaries[..., 3])
    np.testing.assert_allclose(found[..., 3] / found[..., 4], expected, rtol=1e-3)


def test_labels_count_where_all_are_rare():
    # Of 150 labels the likeliest of a pixel may have a hundredth.
    unaries, images = case(8, 8, 150)
    unaries *= 0.1
    assert softmax(-unaries).max() < 0.01
    found = mean_field(
        unaries, images, dataclasses.replace(SMALL, min_probability=0.01)
    )
    all_labels = mean_field(unaries, images, SMALL)
    np.testing.assert_allclose(found, all_labels, atol=1e-6)
    # The smoothing is there.
    assert np.abs(found - softmax(-unaries)).max() > 1e-5


def test_all_labels_count_without_normalisation():
    unaries, images = rare_label_case()
    config = dataclasses.replace(
        SMALL, normalization="none", bilateral_weight=0.02, spatial_weight=0.05
    )
    all_labels = mean_field(unaries, images, config)
    config = dataclasses.replace(config, min_probability=0.01)
    np.testing.assert_array_equal(mean_field(unaries, images, config), all_labels)


def test_all_labels_count_with_a_compatibility():
    unaries, images = rare_label_case()
    # Label 3 goes well with label 0, and so it becomes likely there.
    costs = 1 - np.eye(5)
    costs[3, 0] = -3
    costs = tuple(map(tuple, costs.tolist()))
    config = dataclasses.replace(SMALL, compatibility=costs, min_probability=0.01)
    found = mean_field(unaries, images, config).numpy()
    assert found[..., 3].max() > 0.5


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1)], ids=str)
def test_tiny_images(preset, size):
    unaries, images = case(*size)
    found = mean_field(unaries, images, PRESETS[preset]).numpy()
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)


def test_one_pixel_is_its_own_neighbor():
    unaries, images = case(1, 1)
    found = mean_field(unaries, images, EXACT).numpy()
    expected = brute_force(unaries, images, EXACT)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("config", [SMALL, EXACT], ids=["lattice", "exact"])
def test_one_class_is_certain(config):
    unaries, images = case(6, 5, 1)
    np.testing.assert_allclose(mean_field(unaries, images, config), 1.0)


@pytest.mark.parametrize("level", [0.0, 128.0, 255.0])
def test_image_without_contrast_is_smoothed_by_place(level):
    unaries, images = case(16, 16)
    images = np.full_like(images, level)
    found = mean_field(unaries, images, SMALL).numpy()
    expected = brute_force(unaries, images, SMALL)
    assert np.isfinite(found).all()
    assert np.abs(found - expected).mean() < 0.02


def test_huge_energies_stay_finite():
    unaries, images = case()
    found = mean_field(unaries * 1e6, images, SMALL).numpy()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_unaries_that_are_no_numbers_are_refused(value):
    unaries, images = case()
    unaries[0, 3, 4, 1] = value
    with pytest.raises(ValueError, match="unaries of the CRF must be finite"):
        mean_field(unaries, images, SMALL)


def test_unaries_that_are_no_numbers_are_refused_in_a_graph():
    unaries, images = case()
    unaries[0, 3, 4, 1] = np.nan
    run = tf.function(lambda u, i: mean_field(u, i, SMALL))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be finite"):
        run(tf.constant(unaries), tf.constant(images))


def test_images_that_are_no_numbers_are_refused():
    unaries, images = case()
    images[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="images of the CRF must be finite"):
        mean_field(unaries, images, SMALL)


@pytest.mark.parametrize(
    ("unary_shape", "image_shape"),
    [
        ((1, 8, 9, 3), (1, 9, 8, 3)),
        ((2, 8, 9, 3), (1, 8, 9, 3)),
        ((8, 9, 3), (8, 9, 3)),
        ((1, 8, 9, 3), (1, 8, 9, 1)),
        ((1, 8, 9, 0), (1, 8, 9, 3)),
        ((1, 0, 9, 3), (1, 0, 9, 3)),
        ((0, 8, 9, 3), (0, 8, 9, 3)),
    ],
    ids=str,
)
def test_sizes_that_do_not_match_are_refused(unary_shape, image_shape):
    with pytest.raises(ValueError, match="must"):
        mean_field(np.zeros(unary_shape), np.zeros(image_shape), SMALL)


def test_sizes_that_do_not_match_are_refused_in_a_graph():
    run = tf.function(
        lambda u, i: mean_field(u, i, SMALL),
        input_signature=[
            tf.TensorSpec([None, None, None, 3]),
            tf.TensorSpec([None, None, None, 3]),
        ],
    )
    unaries, images = case(8, 9)
    with pytest.raises(tf.errors.InvalidArgumentError, match="same size"):
        run(tf.constant(unaries), tf.constant(images[:, :6]))


def test_compatibility_of_other_classes_is_refused():
    unaries, images = case()
    config = dataclasses.replace(SMALL, compatibility=((0.0, 1.0), (1.0, 0.0)))
    with pytest.raises(ValueError, match=r"\[3, 3\] for 3 classes"):
        mean_field(unaries, images, config)


def test_large_image_is_refused_by_the_exact_filter():
    unaries, images = case(65, 64)
    with pytest.raises(ValueError, match="up to 4096 pixels"):
        mean_field(unaries, images, EXACT)
