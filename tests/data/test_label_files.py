# Licensed under the Apache License, Version 2.0.
"""Tests of deeplab_tf.data.label_files."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data import label_files, schema

LABELS = np.array([[0, 1, 2], [3, 255, 7]], np.uint8)


def write_png(path, rows, *, bit_depth):
    """Writes grey numbers with few bits, which Pillow cannot write."""

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    lines = b""
    for row in rows:
        bits = "".join(format(value, f"0{bit_depth}b") for value in row)
        bits += "0" * (-len(bits) % 8)
        numbers = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
        lines += b"\0" + bytes(numbers)
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), bit_depth, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def test_raw_ids(tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "a.png")
    np.testing.assert_array_equal(label_files.read_labels(tmp_path / "a.png"), LABELS)


def test_palette_indices_are_the_ids_whatever_the_colours(tmp_path):
    image = Image.fromarray(LABELS).convert("P")
    image.putdata(LABELS.ravel().tolist())
    image.putpalette([value for i in range(256) for value in (i, 255 - i, 9)])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(label_files.read_labels(tmp_path / "a.png"), LABELS)


def test_sixteen_bits_keep_their_ids(tmp_path):
    Image.fromarray(LABELS.astype(np.uint16)).save(tmp_path / "a.png")
    labels = label_files.read_labels(tmp_path / "a.png")
    np.testing.assert_array_equal(labels, LABELS)


def test_sixteen_bits_scaled_from_eight_are_an_error(tmp_path):
    Image.fromarray(LABELS.astype(np.uint16) * 257).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png.*257.*8 bits"):
        label_files.read_labels(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("bit_depth", "rows"),
    [(1, [[0, 1, 1]]), (2, [[0, 1, 3]]), (4, [[0, 5, 15]]), (8, [[0, 20, 255]])],
)
def test_few_bits_are_not_stretched(tmp_path, bit_depth, rows):
    write_png(tmp_path / "a.png", rows, bit_depth=bit_depth)
    labels = label_files.read_labels(tmp_path / "a.png")
    np.testing.assert_array_equal(labels, rows)


@pytest.mark.parametrize(
    ("mode", "image_format", "message"),
    [
        ("RGB", "PNG", "RGB colours, not class ids"),
        ("RGBA", "PNG", "RGBA colours, not class ids"),
        ("L", "JPEG", "holds JPEG, not PNG"),
        ("L", "BMP", "holds BMP, not PNG"),
    ],
)
def test_file_without_ids_is_named(tmp_path, mode, image_format, message):
    path = tmp_path / "a.png"
    Image.fromarray(LABELS).convert(mode).save(path, format=image_format)
    with pytest.raises(ValueError, match=rf"a\.png {message}|a\.png holds {message}"):
        label_files.read_labels(path)


def test_damaged_file_is_named(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.tile(LABELS, (30, 30))).save(path)
    data = path.read_bytes()
    for content in (b"", b"text", data[: len(data) // 2], data[:20]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.png.*replace"):
            label_files.read_labels(path)


def test_encoded_labels_decode_to_themselves():
    encoded = label_files.encode_labels(LABELS.astype(np.uint16))
    np.testing.assert_array_equal(schema.decode_labels(encoded), LABELS)


def test_stored_ids_may_be_mapped(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(LABELS).save(path)
    reader = label_files.StoredIds()
    np.testing.assert_array_equal(reader(path)[0], LABELS)
    mapping = tuple(255 - i for i in range(256))
    labels, notes = label_files.StoredIds(mapping=mapping)(path)
    np.testing.assert_array_equal(labels, 255 - LABELS)
    assert notes == ()
    Image.fromarray(LABELS.astype(np.uint16) + 300).save(path)
    with pytest.raises(ValueError, match="values up to 555, expected 0"):
        label_files.StoredIds(mapping=mapping)(path)
