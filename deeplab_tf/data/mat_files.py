# Licensed under the Apache License, Version 2.0.
"""Reads labels out of MATLAB files: a matrix with one number per pixel.

Reference: MathWorks, MAT-File Format, level 5.
"""

import dataclasses
import io
import pathlib
import struct
import zlib

import numpy as np

_HEADER_BYTES = 128
_COMPRESSED, _MATRIX = 15, 14
# Type of a data element -> what its bytes hold.
_NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
# Classes of arrays that hold nothing but numbers: double to uint64.
_NUMERIC_CLASSES = range(6, 16)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatIds:
    """The ids follow from the numbers of a matrix in a MATLAB file.

    Attributes:
        name: of the matrix.
        mapping: id by number.
    """

    name: str
    mapping: tuple[int, ...]

    def __call__(self, path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...]]:
        """Returns the ids of a file and no notes."""
        numbers = read_mat_matrix(path, name=self.name)
        low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
        if low < 0 or high >= len(self.mapping):
            raise ValueError(
                f"{path}: {self.name!r} holds {low} to {high}, expected 0 to "
                f"{len(self.mapping) - 1}: it is of another data set, or of another "
                "version of it."
            )
        return np.asarray(self.mapping, np.uint8)[numbers], ()


def read_mat_matrix(path: pathlib.Path, *, name: str) -> np.ndarray:
    """Returns a variable of a MATLAB file.

    Args:
        path: file of version 5 to 7, with or without compression.
        name: of the variable, a matrix of whole numbers.

    Returns:
        [rows, columns] int32.

    Raises:
        ValueError: the file is damaged, of another version, or has no such matrix.
    """
    data = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(data[126:_HEADER_BYTES])
    if order is None or data[124:126] not in (b"\x00\x01", b"\x01\x00"):
        raise ValueError(
            f"{path} is no MATLAB file of version 5 to 7; save those of version 7.3 "
            "again with -v7."
        )
    try:
        found = _find(data[_HEADER_BYTES:], name=name, order=order)
    except (zlib.error, struct.error, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}): get it anew.") from error
    if found is None:
        raise ValueError(f"{path} has no matrix {name!r} of whole numbers.")
    return found


def _find(data: bytes, *, name: str, order: str) -> np.ndarray | None:
    """Returns the first matrix of a name among elements, or None."""
    stream = io.BytesIO(data)
    while stream.tell() < len(data):
        kind, content = _element(stream, order=order)
        if kind == _COMPRESSED:
            kind, content = _element(io.BytesIO(zlib.decompress(content)), order=order)
        if kind != _MATRIX:
            continue
        matrix = _matrix(io.BytesIO(content), name=name, order=order)
        if matrix is not None:
            return matrix
    return None


def _element(stream: io.BytesIO, *, order: str) -> tuple[int, bytes]:
    """Returns type and content of the next element."""
    (first,) = struct.unpack(f"{order}I", stream.read(4))
    if first >> 16:  # Up to four bytes lie beside their type and number.
        return first & 0xFFFF, stream.read(4)[: first >> 16]
    (size,) = struct.unpack(f"{order}I", stream.read(4))
    content = stream.read(size)
    if len(content) < size:
        raise ValueError(f"{size} bytes announced, {len(content)} there")
    if first != _COMPRESSED:
        stream.read(-size % 8)
    return first, content


def _matrix(stream: io.BytesIO, *, name: str, order: str) -> np.ndarray | None:
    """Returns the matrix in an element, unless it is another or not of numbers."""
    _, flags = _element(stream, order=order)
    (array_class,) = struct.unpack(f"{order}I", flags[:4])
    _, sides = _element(stream, order=order)
    _, found_name = _element(stream, order=order)
    is_numeric = array_class & 0xFF in _NUMERIC_CLASSES
    if found_name.decode("latin-1") != name or not is_numeric or len(sides) != 8:
        return None
    rows, columns = struct.unpack(f"{order}2i", sides)
    kind, content = _element(stream, order=order)
    if kind not in _NUMBERS:
        return None
    values = np.frombuffer(content, np.dtype(f"{order}{_NUMBERS[kind]}"))
    limits = np.iinfo(np.int32)
    is_label = (values == np.floor(values)) & (values <= limits.max)
    if not np.all(is_label & (values >= limits.min)):
        return None
    # MATLAB stores column after column.
    return values.reshape(columns, rows).T.astype(np.int32)
