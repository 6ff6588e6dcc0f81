# Licensed under the Apache License, Version 2.0.
"""Tests of benchmarks.pairs: ratios, and processes that answer."""

import sys

import pytest

from benchmarks import pairs

ECHO = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if request["work"] == "fail":
        sys.exit("no such work")
    print("chat of a library")
    print("answer: " + json.dumps(request), flush=True)
"""


@pytest.fixture
def echo(tmp_path, monkeypatch):
    """Returns a function that starts a process which answers with its request."""
    (tmp_path / "echo_worker.py").write_text(ECHO)
    environment = {"PYTHONPATH": str(tmp_path)}
    return lambda: pairs.Worker(sys.executable, "echo_worker", environment=environment)


def test_ratio_is_that_of_neighbours_in_time():
    # The machine was ten times slower during the second pair.
    ratio = pairs.Ratio.of([1.0, 10.0, 3.0], [2.0, 20.0, 4.0])
    assert (ratio.median, ratio.smallest, ratio.largest) == (0.5, 0.5, 0.75)
    assert str(ratio) == "0.50 (0.50 to 0.75)"


@pytest.mark.parametrize("numbers", [([], []), ([1.0], [1.0, 2.0])], ids=str)
def test_numbers_without_a_partner_are_an_error(numbers):
    with pytest.raises(ValueError, match="as many numbers of both sides"):
        pairs.Ratio.of(*numbers)


def test_worker_answers_among_what_libraries_print(echo):
    with echo() as worker:
        assert worker.ask("run", size=3) == {"work": "run", "size": 3}


def test_worker_that_fails_tells_what_it_printed(echo):
    with echo() as worker, pytest.raises(OSError, match="no such work"):
        worker.ask("fail")


def test_sides_take_turns_in_going_first():
    order = []

    class Side:
        def __init__(self, name):
            self.name = name

        def ask(self, work):
            order.append(self.name)
            return self.name

    answers = pairs.alternate(Side("ours"), Side("peer"), pairs=2)
    assert answers == [("ours", "peer")] * 2
    assert order == ["ours", "peer", "peer", "ours"]


def test_missing_environment_says_how_to_make_it():
    with pytest.raises(FileNotFoundError, match="make bench"):
        pairs.python_of(".venv-absent")
