# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from deeplab_tf.visualization import curve

FAINT, LOSS, SCORE = (183, 201, 226), (31, 73, 125), (204, 102, 0)


def columns_of(picture, color):
    """Returns the first and the last column that hold a colour."""
    columns = np.flatnonzero((picture == color).all(axis=2).any(axis=0))
    return columns.min(), columns.max()


def heights_of(picture, color, column):
    return np.flatnonzero((picture[:, column] == color).all(axis=1))


def test_loss_falls_from_left_to_right():
    rows = [{"step": step, "loss": 2.0 - step / 100} for step in range(0, 101, 2)]
    picture = curve.draw_curve(rows)
    assert picture.shape == (280, 960, 3)
    first, last = columns_of(picture, LOSS)
    assert (first, last) == pytest.approx((64, 936), abs=2)
    # Rows count from above.
    assert heights_of(picture, LOSS, 66).max() < heights_of(picture, LOSS, 930).min()


def test_validations_are_a_second_chart_below():
    rows = [{"step": 10, "loss": 1.0}, {"step": 20, "loss": 0.5}]
    scores = [{"step": 10, "val_miou": 0.2}, {"step": 20, "val_miou": 0.4}]
    picture = curve.draw_curve(sorted(rows + scores, key=lambda row: row["step"]))
    assert picture.shape == (560, 960, 3)
    rows_of_scores = np.flatnonzero((picture == SCORE).all(axis=2).any(axis=1))
    assert rows_of_scores.min() > 280
    first, last = columns_of(picture, SCORE)
    assert (first, last) == pytest.approx((500, 936), abs=6)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"step": 0, "loss": 0.0}],
        [{"step": 5, "loss": float("nan")}, {"step": 6, "loss": 1.0}],
        [{"step": 5, "val_miou": 0.0}],
    ],
    ids=str,
)
def test_any_record_makes_a_picture(rows):
    picture = curve.draw_curve(rows)
    assert picture.shape == (280, 960, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.63, [0, 0.2, 0.4, 0.6]),
        (2500, [0, 500, 1000, 1500, 2000, 2500]),
        (7, [0, 2, 4, 6]),
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_ticks_are_round_numbers(highest, expected):
    assert curve.ticks(highest) == pytest.approx(expected)
