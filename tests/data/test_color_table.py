# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.color_table."""

import json

import pytest

from deeplab_tf.data.color_table import parse_color, read_color_table

# Many ways to write the same table.
SAME = {
    "documented": "# Comment.\nroad 1 2 3\n\ntraffic light 4 5 6\n",
    "commas": "road,1,2,3\ntraffic light, 4, 5, 6",
    "semicolons": "road;1;2;3\r\ntraffic light;4;5;6\r\n",
    "header": 'name,r,g,b\n"road",1,2,3\ntraffic light,4,5,6',
    "hexadecimal": "road #010203\n#040506 traffic light",
    "colors in front": "1 2 3\troad\n4 5 6\ttraffic light",
    "ids": "1 traffic light 4 5 6\n0 road 1 2 3\n255 void 7 7 7",
    "JSON object": '{"road": [1, 2, 3], "traffic light": "#040506"}',
    "JSON rows": '[["road", 1, 2, 3], ["traffic light", [4, 5, 6]]]',
    "JSON objects": json.dumps(
        [
            {"id": 1, "name": "traffic light", "color": [4, 5, 6]},
            {"id": 0, "name": "road", "color": [1, 2, 3]},
        ]
    ),
    "dataset.json": json.dumps(
        {"classes": ["road", "traffic light"], "palette": [[1, 2, 3], [4, 5, 6]]}
    ),
}


def read(tmp_path, text, *, ignore_label=255):
    path = tmp_path / "table.txt"
    path.write_text(text, encoding="utf-8")
    return read_color_table(path, ignore_label=ignore_label)


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_table_is_read_however_it_is_written(tmp_path, text):
    table = read(tmp_path, text)
    assert table.classes == ("road", "traffic light")
    assert table.palette == ((1, 2, 3), (4, 5, 6))
    assert table.ids == {(1, 2, 3): 0, (4, 5, 6): 1}
    assert table.ignored == ({(7, 7, 7)} if "void" in text else set())


def test_grey_values_are_colors(tmp_path):
    table = read(tmp_path, "soil 0\ncrop 150\n")
    assert table.palette == ((0, 0, 0), (150, 150, 150))


def test_number_in_front_of_some_names_belongs_to_them(tmp_path):
    table = read(tmp_path, "2 wheeler 1 2 3\ncar 4 5 6\n")
    assert table.classes == ("2 wheeler", "car")


def test_name_that_comes_again_adds_a_color(tmp_path):
    table = read(tmp_path, "a 1 1 1\nb 2 2 2\na 3 3 3\n")
    assert table.ids == {(1, 1, 1): 0, (2, 2, 2): 1, (3, 3, 3): 0}
    assert table.palette == ((1, 1, 1), (2, 2, 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no colour"),
        ("road 1 2 3\nlight 4 5 600", "line 2: 'light 4 5 600'"),
        ("1 2 3\n4 5 6", "line 1: '1 2 3'"),
        ("road 1 2 3\nlane 1 2 3", r"\(1, 2, 3\) stands for both 'road' and 'lane'"),
        (
            "0 a 1 1 1\n2 b 2 2 2",
            "ids of 2 classes must be 0 to 1, each once, got 0, 2",
        ),
        ('{"road": [1, 2, 3]', "no colour table in JSON"),
        ('{"road": [1, 2, 3000]}', r"\[1, 2, 3000\] is no colour"),
        ('[{"title": "road"}]', "has no 'name'"),
    ],
)
def test_table_that_is_not_clear_is_an_error(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def test_missing_table_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"table\.txt: there is no such"):
        read_color_table(tmp_path / "table.txt", ignore_label=255)


def test_class_color_cannot_be_ignored(tmp_path):
    table = read(tmp_path, SAME["documented"])
    assert table.with_ignored([(9, 9, 9)]).ignored == {(9, 9, 9)}
    with pytest.raises(ValueError, match=r"\(4, 5, 6\).*'traffic light'"):
        table.with_ignored([(4, 5, 6)])


@pytest.mark.parametrize("text", ["1,2,3", "1 2 3", "#010203", "(1, 2, 3)"])
def test_color_of_a_flag(text):
    assert parse_color(text) == (1, 2, 3)


def test_color_of_a_flag_that_is_none():
    with pytest.raises(ValueError, match="r,g,b or #rrggbb, got 'red'"):
        parse_color("red")
