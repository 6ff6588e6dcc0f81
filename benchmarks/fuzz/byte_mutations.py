# Licensed under the Apache License, Version 2.0.
"""Damage that knows nothing of a file's format.

A mutation is a function of (bytes, generator) that returns other bytes; all that it
draws comes from the generator.
"""

from collections.abc import Callable

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]


def flip_bits(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the data with 1 to 32 bits changed."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 33))):
        changed[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def set_byte(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the data with one byte at the edge of its range."""
    changed = bytearray(data)
    changed[_place(data, rng)] = int(rng.choice([0, 1, 127, 128, 254, 255]))
    return bytes(changed)


def truncate(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a beginning of the data, which may be empty."""
    return data[: _place(data, rng)]


def insert_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the data with up to 64 random bytes put in."""
    place = _place(data, rng)
    return data[:place] + rng.bytes(int(rng.integers(1, 65))) + data[place:]


def delete_block(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the data without a block."""
    start, end = _block(data, rng)
    return data[:start] + data[end:]


def zero_block(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the data with zeros in a block, as a broken disk leaves them."""
    start, end = _block(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def swap_blocks(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the data with two neighbouring blocks changed over."""
    start, middle, end = sorted(_place(data, rng) for _ in range(3))
    return data[:start] + data[middle:end] + data[start:middle] + data[end:]


def repeat_block(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the data with a block twice."""
    start, end = _block(data, rng)
    return data[:end] + data[start:end] + data[end:]


def append_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the data with random bytes behind it."""
    return data + rng.bytes(int(rng.integers(1, 200)))


def make_empty(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns nothing."""
    return b""


def replace_by_text(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a web page, as a failed download leaves it."""
    return b"<html><body>404 Not Found</body></html>\n" * int(rng.integers(1, 20))


MUTATIONS: dict[str, Mutation] = {
    "bits": flip_bits,
    "byte": set_byte,
    "cut off": truncate,
    "bytes put in": insert_bytes,
    "block lost": delete_block,
    "block of zeros": zero_block,
    "blocks swapped": swap_blocks,
    "block twice": repeat_block,
    "bytes behind": append_bytes,
    "empty": make_empty,
    "text": replace_by_text,
}


def _place(data: bytes, rng: np.random.Generator) -> int:
    """Returns a position; every third lies in the header, where most is decided."""
    length = max(len(data), 1)
    if rng.random() < 1 / 3:
        length = min(length, 64)
    return int(rng.integers(length))


def _block(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """Returns where a block of up to a third of the data begins and ends."""
    start = _place(data, rng)
    return start, start + int(rng.integers(1, max(len(data) // 3, 2)))
