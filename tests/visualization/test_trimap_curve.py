# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from deeplab_tf.visualization import trimap_curve

BLUE, VERMILION = (0, 114, 178), (213, 94, 0)
PLOT_ROWS = slice(0, 385)


def places_of(picture, color):
    """Returns rows and columns in which the plot, legend aside, has a colour."""
    return np.nonzero((picture[PLOT_ROWS] == color).all(axis=2))


def test_curves_rise_to_the_right_and_the_better_one_lies_above():
    curves = {
        "before": [(1, 0.5), (8, 0.6), (32, 0.7)],
        "after": [(1, 0.55), (8, 0.65), (32, 0.75)],
    }
    picture = trimap_curve.draw_trimap_curves(curves)
    assert picture.dtype == np.uint8
    assert picture.shape == (466, 760, 3)
    for color in (BLUE, VERMILION):
        rows, columns = places_of(picture, color)
        left, right = columns.argmin(), columns.argmax()
        # Rows count from above.
        assert rows[left] > rows[right] + 50
        # 1 and 32 of 0 to 40 pixels, from 84 to 732; markers are 9 wide.
        assert columns.min() == pytest.approx(84 + 648 / 40, abs=6)
        assert columns.max() == pytest.approx(84 + 648 * 32 / 40, abs=6)
    assert places_of(picture, VERMILION)[0].min() < places_of(picture, BLUE)[0].min()


def test_legend_takes_lines_as_it_needs():
    points = [(1, 0.5)]
    short = trimap_curve.draw_trimap_curves({"a": points, "b": points})
    names = {f"{number} {'name ' * 10}": points for number in range(3)}
    assert trimap_curve.draw_trimap_curves(names).shape[0] == short.shape[0] + 2 * 26


@pytest.mark.parametrize(
    "points",
    [[(1, 0.0)], [(1, 1.0), (2, 1.0)], [(4, 0.7)], [(1, 0.5), (1000, 0.500001)]],
    ids=str,
)
def test_any_curve_makes_a_picture(points):
    picture = trimap_curve.draw_trimap_curves({"a": points})
    assert len(places_of(picture, BLUE)[0]) > 10


@pytest.mark.parametrize("curves", [{}, {"a": []}], ids=str)
def test_no_points_are_an_error(curves):
    with pytest.raises(ValueError, match="one or more curves, each with points"):
        trimap_curve.draw_trimap_curves(curves)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 32, [0, 10, 20, 30, 40]),
        (0, 40, [0, 10, 20, 30, 40]),
        (51, 64, [50, 55, 60, 65]),
        (69, 71, [69, 69.5, 70, 70.5, 71]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (5, 5, [5, 5.0000002]),
    ],
)
def test_ticks_are_round_and_hold_both_ends(low, high, expected):
    assert trimap_curve.round_ticks(low, high) == pytest.approx(expected)
