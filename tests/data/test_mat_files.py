# Licensed under the Apache License, Version 2.0.

import struct

import numpy as np
import pytest

from deeplab_tf.data.mat_files import MatIds, read_mat_matrix
from tests.data.mat_writer import STORED, compressed, element, mat_file, matrix_element

MATRIX = np.array([[0, 1, 2], [3, 4, 259]])


@pytest.mark.parametrize("dtype", list(STORED))
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_matrix_is_read_whatever_its_numbers(tmp_path, dtype, order):
    matrix = np.minimum(MATRIX, 255) if dtype == "uint8" else MATRIX
    data = matrix_element("LabelMap", matrix, dtype=dtype, order=order)
    path = mat_file(tmp_path / "a.mat", data, order=order)
    found = read_mat_matrix(path, name="LabelMap")
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, matrix)


def test_64_bit_arrays_are_arrays_of_numbers(tmp_path):
    data = matrix_element("S", MATRIX, dtype="int64", array_class=14)
    path = mat_file(tmp_path / "a.mat", data)
    np.testing.assert_array_equal(read_mat_matrix(path, name="S"), MATRIX)


def test_other_variables_are_passed_over(tmp_path):
    path = mat_file(
        tmp_path / "a.mat",
        # A text and a cell array are no numbers.
        compressed(matrix_element("captions", MATRIX, array_class=4)),
        compressed(matrix_element("S", MATRIX, array_class=1)),
        compressed(matrix_element("S", MATRIX + 1)),
    )
    np.testing.assert_array_equal(read_mat_matrix(path, name="S"), MATRIX + 1)
    with pytest.raises(ValueError, match="no matrix 'regions' of whole numbers"):
        read_mat_matrix(path, name="regions")


def test_short_elements_are_read(tmp_path):
    # The name S and four numbers of one byte lie beside their types.
    parts = (
        element(6, struct.pack("<2I", 9, 0)),
        element(5, struct.pack("<2i", 2, 2)),
        struct.pack("<I", (1 << 16) + 1) + b"S\x00\x00\x00",
        struct.pack("<I", (4 << 16) + 2) + bytes([1, 2, 3, 4]),
    )
    path = mat_file(tmp_path / "a.mat", element(14, b"".join(parts)))
    np.testing.assert_array_equal(read_mat_matrix(path, name="S"), [[1, 3], [2, 4]])


def test_files_that_cannot_be_read_say_why(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 7.3".ljust(124) + b"\x00\x02IM" + bytes(64))
    with pytest.raises(ValueError, match="with -v7"):
        read_mat_matrix(path, name="S")
    whole = mat_file(path, compressed(matrix_element("S", MATRIX))).read_bytes()
    for size in (140, 150, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="is damaged"):
            read_mat_matrix(path, name="S")


def test_fractions_are_no_labels(tmp_path):
    path = mat_file(
        tmp_path / "a.mat", matrix_element("S", MATRIX + 0.5, dtype="float64")
    )
    with pytest.raises(ValueError, match="of whole numbers"):
        read_mat_matrix(path, name="S")


@pytest.mark.parametrize(
    ("number", "dtype"),
    [(2**40 + 1, "int64"), (np.inf, "float32"), (np.nan, "float32")],
)
def test_numbers_that_no_label_has_are_not_cut(tmp_path, number, dtype):
    element = matrix_element("S", np.array([[0, number]]), dtype=dtype)
    path = mat_file(tmp_path / "a.mat", element)
    with pytest.raises(ValueError, match="of whole numbers"):
        read_mat_matrix(path, name="S")


def test_ids_follow_from_the_mapping(tmp_path):
    path = mat_file(tmp_path / "a.mat", matrix_element("S", MATRIX))
    read = MatIds(name="S", mapping=(255, 0, 1, 2, 3, *[9] * 255))
    labels, notes = read(path)
    assert (labels.dtype, notes) == (np.uint8, ())
    assert labels.tolist() == [[255, 0, 1], [2, 3, 9]]
    with pytest.raises(ValueError, match="holds 0 to 259, expected 0 to 9"):
        MatIds(name="S", mapping=tuple(range(10)))(path)


def test_files_of_another_writer_are_read(tmp_path):
    io = pytest.importorskip("scipy.io")
    path = tmp_path / "a.mat"
    others = {"names": np.array(["person", "tree"], object), "captions": "A tree."}
    io.savemat(path, others | {"S": MATRIX.astype(np.uint16)}, do_compression=True)
    np.testing.assert_array_equal(read_mat_matrix(path, name="S"), MATRIX)
