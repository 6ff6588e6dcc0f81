# Licensed under the Apache License, Version 2.0.
"""Damage to the markers and tables of a JPEG file, which has no checksums.

Reference: ITU-T T.81, annex B.
"""

import struct

import numpy as np

from benchmarks.fuzz.byte_mutations import Mutation

_START_OF_FRAME = (0xC0, 0xC1, 0xC2)
_START_OF_SCAN = 0xDA
Segment = tuple[int, bytes]


def split_segments(data: bytes) -> tuple[list[Segment], bytes]:
    """Returns the segments in front of the first scan, and all from there on."""
    segments = []
    position = 2
    while data[position + 1] != _START_OF_SCAN:
        (length,) = struct.unpack(">H", data[position + 2 : position + 4])
        end = position + 2 + length
        segments.append((data[position + 1], data[position + 4 : end]))
        position = end
    return segments, data[position:]


def join_segments(segments: list[Segment], scans: bytes) -> bytes:
    """Returns a file of segments and scans."""
    parts = [
        bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
        for marker, body in segments
    ]
    return b"\xff\xd8" + b"".join(parts) + scans


def change_size(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file whose frame claims another width or height."""

    def change(body: bytearray) -> None:
        offset = int(rng.choice([1, 3]))
        side = int.from_bytes(body[offset : offset + 2], "big")
        choices = (0, 1, side - 1, side + 1, 2 * side, 20_000, 65_500, 65_535)
        body[offset : offset + 2] = struct.pack(">H", int(rng.choice(choices)))

    return _with_frame(data, change)


def claim_huge_size(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file of a few bytes that claims up to 65,500 x 65,500 pixels."""

    def change(body: bytearray) -> None:
        sides = (int(side) for side in rng.integers(10_000, 65_500, 2))
        body[1:5] = struct.pack(">HH", *sides)

    return _with_frame(data, change)


def change_components(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file whose frame claims other components, sampling or tables."""

    def change(body: bytearray) -> None:
        offset = int(rng.choice([0, *range(5, len(body))]))
        choices = (0, 1, 2, 3, 4, 8, 12, 0x11, 0x12, 0x21, 0x22, 0x41, 0x14, 0x44, 255)
        body[offset] = int(rng.choice(choices))

    return _with_frame(data, change)


def change_segment(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with bytes of a table or of the metadata changed."""
    segments, scans = split_segments(data)
    i = int(rng.integers(len(segments)))
    marker, body = segments[i]
    changed = bytearray(body)
    for _ in range(int(rng.integers(1, 9))):
        if changed:
            changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
    segments[i] = (marker, bytes(changed))
    return join_segments(segments, scans)


def change_marker(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with a segment under another marker."""
    segments, scans = split_segments(data)
    i = int(rng.integers(len(segments)))
    segments[i] = (int(rng.integers(0xC0, 0xFF)), segments[i][1])
    return join_segments(segments, scans)


def change_length(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with a segment whose length is wrong."""
    segments, scans = split_segments(data)
    i = int(rng.integers(len(segments)))
    before = join_segments(segments[:i], b"")
    rest = bytearray(join_segments(segments[i:], scans)[2:])
    rest[2:4] = struct.pack(
        ">H", int(rng.choice([0, 1, 2, 3, 65_535, len(rest) % 256]))
    )
    return before + bytes(rest)


def lose_segment(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file without one of its segments."""
    segments, scans = split_segments(data)
    del segments[int(rng.integers(len(segments)))]
    return join_segments(segments, scans)


def swap_segments(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with its segments in another order."""
    segments, scans = split_segments(data)
    order = rng.permutation(len(segments))
    return join_segments([segments[i] for i in order], scans)


def add_marker(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with a marker among the compressed pixels."""
    segments, scans = split_segments(data)
    place = int(rng.integers(12, len(scans)))
    marker = bytes([0xFF, int(rng.integers(0xC0, 0xFF))])
    return join_segments(segments, scans[:place] + marker + scans[place:])


def repeat_scan(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with its scans many times over."""
    segments, scans = split_segments(data)
    end = scans.rfind(b"\xff\xd9")
    return join_segments(
        segments, scans[:end] * int(rng.integers(2, 500)) + scans[end:]
    )


MUTATIONS: dict[str, Mutation] = {
    "JPEG size": change_size,
    "JPEG of 65,500 pixels": claim_huge_size,
    "JPEG components": change_components,
    "JPEG segment changed": change_segment,
    "JPEG marker changed": change_marker,
    "JPEG segment length": change_length,
    "JPEG segment lost": lose_segment,
    "JPEG segments swapped": swap_segments,
    "JPEG marker in the pixels": add_marker,
    "JPEG scans repeated": repeat_scan,
}


def _with_frame(data: bytes, change) -> bytes:
    """Returns the file with the body of its frame header changed."""
    segments, scans = split_segments(data)
    for i, (marker, body) in enumerate(segments):
        if marker in _START_OF_FRAME:
            changed = bytearray(body)
            change(changed)
            segments[i] = (marker, bytes(changed))
    return join_segments(segments, scans)
