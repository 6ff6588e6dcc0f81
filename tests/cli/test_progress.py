# Licensed under the Apache License, Version 2.0.
import io

from deeplab_tf.cli import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_in_one_line():
    stream = Terminal()
    bar = progress.Progress(4, stream=stream)
    bar(1)
    bar(4)
    bar.close()
    text = stream.getvalue()
    assert text.count("\r") == 2
    assert text.count("\n") == 1
    assert "1/4 images" in text
    assert "[" + "#" * 30 + "] 4/4 images" in text


def test_a_file_gets_lines_now_and_then(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    line = progress.Progress(100, stream=stream, interval_seconds=10)
    for done, now[0] in ((1, 4.0), (20, 10.0), (30, 12.0), (80, 20.0)):
        line(done)
    line.close()
    assert stream.getvalue().splitlines() == [
        "20/100 images, 2.0 images/s, left 0:00:40",
        "80/100 images, 4.0 images/s, left 0:00:05",
    ]


def test_a_thing_that_takes_long_moves_the_bar(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = Terminal()
    bar = progress.Progress(2, stream=stream)
    now[0] = 90.0
    bar(0.5, note="tile 7 of 14")
    text = stream.getvalue()
    assert "[" + "#" * 7 + "." * 23 + "] 0/2 images, tile 7 of 14, 0.01" in text
    assert "left 0:04:30" in text


def test_a_bar_gives_way_to_a_line_of_text():
    stream = Terminal()
    bar = progress.Progress(2, stream=stream)
    bar.clear()
    assert stream.getvalue() == ""
    bar(1)
    bar.clear()
    bar.close()
    assert stream.getvalue().endswith("\r\x1b[K")
