# Licensed under the Apache License, Version 2.0.
"""PyTorch's files: wrappers, prefixes, types, damage, and nothing executed."""

import argparse
import sys

import numpy as np
import pytest

from deeplab_tf.checkpoints.readers import open_checkpoint

ARRAY = np.arange(6, dtype="float32").reshape(2, 3)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def save(torch, tmp_path):
    """Returns a function that saves anything as a .pth file."""

    def write(content, **options):
        torch.save(content, tmp_path / "model.pth", **options)
        return tmp_path / "model.pth"

    return write


def read(path):
    with open_checkpoint(path) as reader:
        return {name: (reader.shapes[name], reader[name]) for name in reader}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before_1_6"])
def test_tensors_are_read_by_name(zipped, torch, save):
    path = save({"a": torch.from_numpy(ARRAY)}, _use_new_zipfile_serialization=zipped)
    ((name, (shape, value)),) = read(path).items()
    assert (name, shape, value.dtype) == ("a", (2, 3), "float32")
    np.testing.assert_array_equal(value, ARRAY)


@pytest.mark.parametrize("key", ["model_state", "state_dict", "model"])
def test_network_is_found_beside_the_state_of_a_training(key, torch, save):
    content = {
        key: {"module.a": torch.from_numpy(ARRAY)},
        "epoch": 3,
        "best_score": np.float64(0.5),
        "args": argparse.Namespace(lr=0.1),
    }
    assert list(read(save(content))) == ["a"]


def test_half_precision_becomes_float32(torch, save):
    path = save({"a": torch.from_numpy(ARRAY).bfloat16()})
    np.testing.assert_array_equal(read(path)["a"][1], ARRAY)


class Trap:
    def __reduce__(self):
        return print, ("executed",)


def test_code_in_a_file_is_refused(save, capsys):
    path = save({"a": Trap()})
    with pytest.raises(ValueError, match="more than tensors and plain values"):
        read(path)
    assert "executed" not in capsys.readouterr().out


def test_whole_modules_are_refused(torch, save):
    path = save(torch.nn.Linear(2, 3))
    with pytest.raises(ValueError, match="Save the state dict of the network alone"):
        read(path)


@pytest.mark.parametrize("kept", [0, 100, -50])
def test_damaged_file_is_told(kept, torch, save):
    path = save({"a": torch.from_numpy(ARRAY)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"model\.pth"):
        read(path)


def test_file_without_tensors_is_told(save):
    path = save({"epoch": 3})
    with pytest.raises(ValueError, match=r"holds no state dict of a network.*epoch"):
        read(path)


def test_missing_pytorch_is_told_with_its_installation(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "model.pth").write_bytes(b"")
    with pytest.raises(ValueError, match=r"pip install 'deeplab-tf\[torch\]'"):
        read(tmp_path / "model.pth")
