# Licensed under the Apache License, Version 2.0.
"""Damage inside a PNG file whose checksums are right, so that it reaches the decoder.

Reference: W3C, Portable Network Graphics, third edition, sections 5 and 11.
"""

import struct
import zlib

import numpy as np

from benchmarks.fuzz import byte_mutations
from benchmarks.fuzz.byte_mutations import Mutation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIDES = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 65535, 65536, 100_000)
Chunk = tuple[bytes, bytes]


def split_chunks(data: bytes) -> list[Chunk]:
    """Returns kind and body of the chunks of a sound file."""
    chunks = []
    position = len(SIGNATURE)
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        body = position + 8
        chunks.append((data[position + 4 : body], data[body : body + length]))
        position = body + length + 4
    return chunks


def join_chunks(chunks: list[Chunk]) -> bytes:
    """Returns a file of chunks, with their lengths and checksums."""
    parts = [
        struct.pack(">I", len(body)) + kind + body + _checksum(kind + body)
        for kind, body in chunks
    ]
    return SIGNATURE + b"".join(parts)


def change_size(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file whose header claims another width or height, or both."""
    header = bytearray(split_chunks(data)[0][1])
    for offset in rng.choice([0, 4], size=int(rng.integers(1, 3)), replace=False):
        side = int.from_bytes(header[offset : offset + 4], "big")
        choices = (*_SIDES, side - 1, side + 1, 2 * side)
        header[offset : offset + 4] = struct.pack(">I", int(rng.choice(choices)))
    return _with_header(data, bytes(header))


def claim_huge_size(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file of a few bytes that claims up to 100,000 x 100,000 pixels."""
    header = bytearray(split_chunks(data)[0][1])
    header[:8] = struct.pack(">II", *(int(side) for side in rng.integers(2e4, 1e5, 2)))
    return _with_header(data, bytes(header))


def change_format(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file whose header claims another depth, colour type or interlacing."""
    header = bytearray(split_chunks(data)[0][1])
    choices = {8: (1, 2, 4, 8, 16, 3), 9: (0, 2, 3, 4, 6, 1), 12: (0, 1, 2), 10: (1,)}
    offset = int(rng.choice(list(choices)))
    header[offset] = int(rng.choice(choices[offset]))
    return _with_header(data, bytes(header))


def change_body(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with bytes of one chunk changed, under a right checksum."""
    chunks = split_chunks(data)
    i = int(rng.integers(len(chunks)))
    kind, body = chunks[i]
    mutate = list(byte_mutations.MUTATIONS.values())[int(rng.integers(9))]
    chunks[i] = (kind, mutate(body or b"\0", rng))
    return join_chunks(chunks)


def change_rows(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with changed rows of pixels, packed as they should be."""
    chunks = split_chunks(data)
    rows = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    mutate = list(byte_mutations.MUTATIONS.values())[int(rng.integers(9))]
    packed = zlib.compress(mutate(rows, rng))
    first = next(i for i, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    kept = [chunk for chunk in chunks if chunk[0] != b"IDAT"]
    return join_chunks([*kept[:first], (b"IDAT", packed), *kept[first:]])


def lose_chunk(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file without one of its chunks."""
    chunks = split_chunks(data)
    del chunks[int(rng.integers(len(chunks)))]
    return join_chunks(chunks)


def swap_chunks(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with its chunks in another order."""
    chunks = split_chunks(data)
    return join_chunks([chunks[i] for i in rng.permutation(len(chunks))])


def add_chunk(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a file with a chunk of random content put in behind the header."""
    kinds = (b"tEXt", b"zTXt", b"iCCP", b"gAMA", b"tRNS", b"PLTE", b"IDAT", b"IEND")
    kinds += (b"eXIf", b"acTL", b"fcTL", b"sBIT", b"cHRM", b"pHYs", b"ABCD", b"abcd")
    kind = kinds[int(rng.integers(len(kinds)))]
    chunks = split_chunks(data)
    place = int(rng.integers(1, len(chunks)))
    chunks.insert(place, (kind, rng.bytes(int(rng.integers(0, 40)))))
    return join_chunks(chunks)


def pack_many_zeros(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns a sound file of 400 megapixels in 50 kB: a decompression bomb."""
    side = 20_000
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    packed = b"".join(packer.compress(row * 1000) for _ in range(side // 1000))
    packed += packer.flush()
    return join_chunks([(b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")])


MUTATIONS: dict[str, Mutation] = {
    "PNG size": change_size,
    "PNG of 100,000 pixels": claim_huge_size,
    "PNG depth or colours": change_format,
    "PNG chunk changed": change_body,
    "PNG rows changed": change_rows,
    "PNG chunk lost": lose_chunk,
    "PNG chunks swapped": swap_chunks,
    "PNG chunk put in": add_chunk,
}


def _with_header(data: bytes, header: bytes) -> bytes:
    return join_chunks([(b"IHDR", header), *split_chunks(data)[1:]])


def _checksum(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))
