# Licensed under the Apache License, Version 2.0.
"""A share of the mutated files of benchmarks/fuzz, and tests of its own parts."""

import json
import struct
import sys
import zlib

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.fuzz import (
    byte_mutations,
    corpus,
    jpeg_mutations,
    outcomes,
    png_mutations,
    processes,
    record_mutations,
    worker,
)
from deeplab_tf.data import schema

# Half of the time goes into the graphs of tf.data, which the first two doors build.
NUM_FILES = {
    outcomes.READ: 6,
    outcomes.TRAINED_ON: 4,
    outcomes.FOLDER: 6,
    outcomes.BUILT: 24,
    outcomes.PHOTO: 20,
    outcomes.MASK: 20,
}


def numbers_of(door):
    first = outcomes.DOORS.index(door)
    step = len(outcomes.DOORS)
    return range(first, first + step * NUM_FILES[door], step)


@pytest.mark.slow
@pytest.mark.parametrize("door", outcomes.DOORS)
def test_mutated_files_are_read_right_or_named(tmp_path, door):
    results = [
        worker.try_file(number, seed=1, folder=tmp_path) for number in numbers_of(door)
    ]
    assert [r for r in results if r["outcome"] == outcomes.FAILED] == []
    assert outcomes.NAMED in {r["outcome"] for r in results}


@pytest.mark.parametrize("name", corpus.images())
def test_mutations_of_images_follow_from_the_generator(name):
    data = corpus.images()[name]
    first, second = (
        record_mutations.damage_image(data, np.random.default_rng([1, 2]))
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("name", [n for n in corpus.images() if n.endswith(".png")])
def test_png_is_taken_apart_and_put_together(name):
    data = corpus.images()[name]
    assert png_mutations.join_chunks(png_mutations.split_chunks(data)) == data


@pytest.mark.parametrize("name", [n for n in corpus.images() if n.endswith(".jpg")])
def test_jpeg_is_taken_apart_and_put_together(name):
    data = corpus.images()[name]
    assert jpeg_mutations.join_segments(*jpeg_mutations.split_segments(data)) == data


def test_frame_is_that_of_tensorflow(tmp_path):
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"some message")
    assert record_mutations.frame(b"some message") == path.read_bytes()


def test_mutated_png_keeps_right_checksums():
    data = corpus.images()["colour.png"]
    changed = png_mutations.claim_huge_size(data, np.random.default_rng(0))
    width, height = struct.unpack(">II", changed[16:24])
    assert min(width, height) >= 20_000
    assert changed[29:33] == struct.pack(">I", zlib.crc32(changed[12:29]))


@pytest.mark.parametrize("name", byte_mutations.MUTATIONS)
def test_plain_damage_takes_the_shortest_data(name):
    rng = np.random.default_rng(0)
    for data in (b"a", b"ab"):
        assert isinstance(byte_mutations.MUTATIONS[name](data, rng), bytes)


def test_judge_notices_wrong_labels(tmp_path, monkeypatch):
    monkeypatch.setattr(
        schema, "decode_labels", lambda encoded: tf.zeros([40, 48], tf.int32)
    )
    number = outcomes.DOORS.index(outcomes.BUILT)
    steps = range(number, 200, len(outcomes.DOORS))
    results = [worker.try_file(n, seed=1, folder=tmp_path) for n in steps]
    wrong = [r["note"] for r in results if r["outcome"] == outcomes.FAILED]
    assert wrong
    assert all("other labels than Pillow finds" in note for note in wrong)


def test_judge_notices_an_error_without_a_name(tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("something is wrong")

    monkeypatch.setitem(worker.doors.DOORS, outcomes.READ, fail)
    result = worker.try_file(0, seed=1, folder=tmp_path)
    assert result["outcome"] == outcomes.FAILED
    assert result["note"] == "no name in: something is wrong"


def test_judge_notices_an_error_of_the_code(tmp_path, monkeypatch):
    def fail(*_):
        raise KeyError("image")

    monkeypatch.setitem(worker.doors.DOORS, outcomes.READ, fail)
    result = worker.try_file(0, seed=1, folder=tmp_path)
    assert result["outcome"] == outcomes.FAILED
    assert result["note"].startswith("KeyError")


# Of five files the second crashes the process and the fourth hangs.
FAKE_WORKER = """
import json, os, signal, sys, time
first, last, right = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
for number in range(first, last + 1):
    print(json.dumps({"number": number, "door": "a"}), flush=True)
    if number == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == 3:
        time.sleep(60)
    result = {"number": number, "door": "a", "outcome": right, "note": "", "seconds": 0}
    print(json.dumps(result), flush=True)
"""


def test_crash_and_hang_are_counted_and_the_rest_is_read(tmp_path, monkeypatch):
    def command(numbers, **_):
        limits = (str(numbers[0]), str(numbers[-1]))
        return [sys.executable, "-c", FAKE_WORKER, *limits, outcomes.RIGHT]

    monkeypatch.setattr(processes, "_command", command)
    results = list(
        processes.run(range(5), seed=0, folder=tmp_path, timeout_seconds=1.0)
    )
    assert [(r["number"], r["outcome"]) for r in results] == [
        (0, outcomes.RIGHT),
        (1, outcomes.FAILED),
        (2, outcomes.RIGHT),
        (3, outcomes.FAILED),
        (4, outcomes.RIGHT),
    ]
    assert "ended with -11" in results[1]["note"]
    assert "no answer in 1 s" in results[3]["note"]


def test_results_are_json(tmp_path):
    result = worker.try_file(3, seed=1, folder=tmp_path)
    assert json.loads(json.dumps(result)) == result
