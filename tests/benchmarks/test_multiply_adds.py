# Licensed under the Apache License, Version 2.0.
"""Tests of benchmarks.multiply_adds."""

import pytest

from benchmarks import multiply_adds


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # Three samples on five pixels: the outer two miss one each.
        ((5, 5, 3, 1, 1, 1), 13),
        # At rate 4 the left and the right sample meet one pixel each.
        ((5, 5, 3, 1, 4, 4), 7),
        # At rate 5 the middle one alone.
        ((5, 5, 3, 1, 5, 5), 5),
        ((5, 3, 3, 2, 1, 1), 7),
        ((5, 3, 3, 1, 1, 0), 9),
        ((5, 5, 1, 1, 1, 0), 5),
    ],
    ids=str,
)
def test_padding_meets_nothing(arguments, expected):
    assert multiply_adds.count_meetings(*arguments) == expected


def test_count_is_over_channels_and_both_sides():
    sides = {"rows": (5, 5, 3, 1, 1, 1), "columns": (4, 4, 1, 1, 1, 0)}
    count = multiply_adds.count(channels=2, filters=3, **sides)
    assert count == 2 * 3 * 13 * 4
