# Licensed under the Apache License, Version 2.0.
"""Writes MATLAB files by the description of their format, level 5."""

import struct
import zlib

import numpy as np

# Type of the stored numbers, and class of the array: uint16 in MATLAB.
STORED = {
    "uint8": 2,
    "uint16": 4,
    "int32": 5,
    "float32": 7,
    "float64": 9,
    "int64": 12,
    "uint64": 13,
}


def element(kind, content, order="<"):
    header = struct.pack(f"{order}2I", kind, len(content))
    return header + content + bytes(-len(content) % 8)


def matrix_element(name, matrix, *, dtype="uint16", order="<", array_class=11):
    values = matrix.T.astype(np.dtype(dtype).newbyteorder(order)).tobytes()
    parts = (
        element(6, struct.pack(f"{order}2I", array_class, 0), order),
        element(5, struct.pack(f"{order}2i", *matrix.shape), order),
        element(1, name.encode(), order),
        element(STORED[dtype], values, order),
    )
    return element(14, b"".join(parts), order)


def mat_file(path, *elements, order="<"):
    mark = b"IM" if order == "<" else b"MI"
    version = struct.pack(f"{order}H", 0x0100)
    path.write_bytes(b"MATLAB 5.0".ljust(124) + version + mark + b"".join(elements))
    return path


def compressed(data):
    content = zlib.compress(data)
    return struct.pack("<2I", 15, len(content)) + content
