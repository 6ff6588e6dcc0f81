# Licensed under the Apache License, Version 2.0.
"""Tests of benchmarks.result_table."""

from benchmarks import result_table

HEADER = ("fault", "tries")
ROWS = [("kill", 20), ("full disk", 3)]


def test_markdown_has_columns_of_even_width(tmp_path):
    expected = (
        "| fault     | tries |\n|---|---|\n| kill      | 20    |\n| full disk | 3     |"
    )
    assert result_table.to_markdown(HEADER, ROWS) == expected
    path = tmp_path / "folder" / "a.md"
    result_table.write(path, HEADER, ROWS)
    assert path.read_text() == expected + "\n"


def test_ending_csv_writes_csv(tmp_path):
    path = tmp_path / "a.csv"
    result_table.write(path, HEADER, ROWS)
    assert path.read_text().splitlines() == ["fault,tries", "kill,20", "full disk,3"]
