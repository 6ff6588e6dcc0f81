# Licensed under the Apache License, Version 2.0.
import os

import pytest

from deeplab_tf.cli.input_images import find_images


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working folder of each test, with a few files that nobody opens."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "photos/a.jpg",
        "photos/b.PNG",
        "photos/notes.txt",
        "photos/.hidden.jpg",
        "photos/old/a.jpg",
        "more/a.jpg",
        "more/a.png",
        "more/[1].jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(*inputs, output_dir="out"):
    images = find_images(inputs, output_dir=output_dir)
    assert len({image.name for image in images}) == len(images)
    return {image.path.as_posix(): image.name for image in images}


def test_a_folder_gives_its_images_and_those_below():
    assert names("photos") == {
        "photos/a.jpg": "a",
        "photos/b.PNG": "b",
        "photos/old/a.jpg": "old/a",
    }


def test_a_file_is_taken_whatever_it_is_called():
    assert names("photos/notes.txt") == {"photos/notes.txt": "notes.txt"}
    assert names("more/[1].jpg") == {"more/[1].jpg": "[1]"}


def test_names_begin_where_a_pattern_does():
    assert names("photos/*.jpg") == {"photos/a.jpg": "a"}
    assert names("photos/**/*.jpg") == {
        "photos/a.jpg": "a",
        "photos/old/a.jpg": "old/a",
    }
    assert names("*/a.jpg") == {"photos/a.jpg": "photos/a", "more/a.jpg": "more/a"}


def test_equal_names_begin_further_up():
    assert names("photos/a.jpg", "photos/old/a.jpg", "photos/b.PNG") == {
        "photos/a.jpg": "a",
        "photos/old/a.jpg": "old/a",
        "photos/b.PNG": "b",
    }
    assert names("photos", "more/a.jpg") == {
        "photos/a.jpg": "photos/a",
        "photos/b.PNG": "b",
        "photos/old/a.jpg": "old/a",
        "more/a.jpg": "more/a",
    }


def test_where_only_endings_differ_they_stay():
    assert names("more/a.*") == {"more/a.jpg": "a.jpg", "more/a.png": "a.png"}


def test_names_that_only_some_systems_tell_apart_are_not_given_twice(folder):
    (folder / "more" / "A.jpg").touch()
    found = names("more/A.jpg", "more/a.jpg")
    assert len({name.casefold() for name in found.values()}) == 2


def test_each_image_is_taken_once():
    assert names("photos", "photos/a.jpg", os.path.abspath("photos/a.jpg")) == names(
        "photos"
    )


def test_results_of_an_earlier_prediction_are_left_out(folder):
    for name in ("a_mask.png", "old/a_overlay.png"):
        (folder / "photos" / name).touch()
    assert set(names("photos", output_dir="photos")) == {
        "photos/a.jpg",
        "photos/b.PNG",
        "photos/old/a.jpg",
    }
    # Elsewhere that may be the name of a photo.
    assert "photos/a_mask.png" in names("photos", output_dir="out")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((), "--input must be given"),
        (("absent.jpg",), "--input=absent.jpg: there is no such file"),
        (("*.gif",), "matches no file"),
    ],
)
def test_what_is_not_there_is_named(inputs, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        find_images(inputs, output_dir="out")


def test_a_folder_without_images_says_what_was_expected(folder):
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no images in empty: expected .*\.jpg"):
        find_images(["empty"], output_dir="out")
