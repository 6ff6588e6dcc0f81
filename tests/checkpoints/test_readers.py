# Licensed under the Apache License, Version 2.0.
"""Where checkpoints are found, and what damaged and malicious files get."""

import io
import tarfile
import zipfile

import numpy as np
import pytest

from deeplab_tf.checkpoints import readers
from deeplab_tf.checkpoints.readers import (
    CheckpointReader,
    find_prefix,
    open_checkpoint,
)
from tests.checkpoints.tf_checkpoints import write_checkpoint, write_v1_checkpoint

VALUES = {"a/weights": np.arange(6, dtype="float32").reshape(2, 3), "step": np.int64(7)}
DATA = ".data-00000-of-00001"


@pytest.fixture
def prefix(tmp_path):
    return write_checkpoint(tmp_path / "run" / "model.ckpt-7", VALUES)


def pack(path, files):
    """Writes an archive of name -> bytes."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(
        path, "w:gz" if path.suffix in (".gz", ".tgz") else "w"
    ) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def pack_checkpoint(path, prefix, *, folder="deeplabv3_released/"):
    files = {"readme.txt": b"weights"}
    for suffix in (".index", DATA):
        with open(prefix + suffix, "rb") as file:
            files[f"{folder}model.ckpt-7{suffix}"] = file.read()
    return pack(path, files)


def test_reader_is_a_mapping_that_knows_shapes(prefix):
    reader = CheckpointReader(prefix)
    assert reader.shapes == {"a/weights": (2, 3), "step": ()}
    assert sorted(reader) == ["a/weights", "step"]
    assert len(reader) == 2
    np.testing.assert_array_equal(reader["a/weights"], VALUES["a/weights"])
    assert reader["step"] == 7
    with pytest.raises(KeyError):
        reader["b"]


@pytest.mark.parametrize("suffix", ["", ".index", DATA])
def test_prefix_and_its_files_are_the_checkpoint(prefix, suffix):
    assert find_prefix(prefix + suffix) == prefix


def test_folder_without_state_file_is_searched(prefix, tmp_path):
    assert find_prefix(tmp_path / "run") == prefix
    assert find_prefix(tmp_path) == prefix


def test_state_file_says_which(tmp_path, prefix):
    write_checkpoint(tmp_path / "run" / "model.ckpt-9", VALUES)
    state = tmp_path / "run" / "checkpoint"
    state.write_text('model_checkpoint_path: "model.ckpt-7"\n')
    assert find_prefix(tmp_path / "run") == prefix


def test_state_file_of_a_moved_folder_says_which(tmp_path, prefix):
    write_checkpoint(tmp_path / "run" / "model.ckpt-9", VALUES)
    state = tmp_path / "run" / "checkpoint"
    state.write_text('model_checkpoint_path: "/elsewhere/model.ckpt-7"\n')
    assert find_prefix(tmp_path / "run") == prefix


def test_state_file_of_a_removed_checkpoint_is_passed_over(tmp_path, prefix):
    (tmp_path / "run" / "checkpoint").write_text('model_checkpoint_path: "gone"\n')
    assert find_prefix(tmp_path / "run") == prefix


def test_several_checkpoints_are_refused_by_name(tmp_path, prefix):
    write_checkpoint(tmp_path / "run" / "model.ckpt-9", VALUES)
    with pytest.raises(ValueError, match=r"give the path of one of .*ckpt-7, .*ckpt-9"):
        find_prefix(tmp_path)


@pytest.mark.parametrize("name", ["absent", "absent.tar.gz", "run/model.ckpt-8"])
def test_absent_checkpoint_is_told(tmp_path, prefix, name):
    with pytest.raises(ValueError, match=f"no checkpoint at .*{name}"):
        find_prefix(tmp_path / name)


def test_empty_folder_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"no checkpoint \(\*\.index or \*\.ckpt\) in"):
        find_prefix(tmp_path)


@pytest.mark.parametrize("suffix", [".tar.gz", ".tgz", ".tar", ".zip"])
def test_archive_is_read(tmp_path, prefix, suffix):
    archive = pack_checkpoint(tmp_path / f"released{suffix}", prefix)
    with open_checkpoint(archive) as reader:
        np.testing.assert_array_equal(reader["a/weights"], VALUES["a/weights"])
        folder = reader.path
    with pytest.raises(ValueError, match="no checkpoint at"):
        find_prefix(folder)


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside"])
def test_archive_that_leads_outside_is_refused(tmp_path, suffix, name):
    archive = pack(tmp_path / f"evil{suffix}", {name: b"x"})
    with pytest.raises(ValueError, match="leads outside its folder"):
        readers.unpack(archive, tmp_path / "target")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_archive_with_a_link_or_device_is_refused(tmp_path, kind):
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(ValueError, match="holds link, which is a link or a device"):
        readers.unpack(path, tmp_path / "target")


# A changed byte in a tar is found later, by the checksums inside the checkpoint.
@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".tar.gz", "truncated"),
        (".tar", "truncated"),
        (".zip", "truncated"),
        (".zip", "changed"),
        (".tar.gz", "text"),
        (".zip", "text"),
    ],
)
def test_damaged_archive_is_named(tmp_path, suffix, damage):
    noise = np.random.default_rng(0).bytes(20000)
    archive = pack(tmp_path / f"released{suffix}", {"model.ckpt.index": noise})
    content = archive.read_bytes()
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "text":
        content = b"<html>not found</html>"
    else:
        middle = len(content) // 2
        content = content[:middle] + b"\0" * 50 + content[middle + 50 :]
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=f"released{suffix} cannot be unpacked"):
        readers.unpack(archive, tmp_path / "target")


def test_archive_that_grows_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MAX_UNPACKED_BYTES", 1000)
    archive = pack(tmp_path / "bomb.tar.gz", {"a": bytes(600), "b": bytes(600)})
    with pytest.raises(ValueError, match="unpacks to more than"):
        readers.unpack(archive, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_archive_without_checkpoint_is_told(tmp_path):
    archive = pack(tmp_path / "pictures.zip", {"a.png": b"x"})
    with (
        pytest.raises(
            ValueError, match=r"pictures\.zip: There is no .* in the archive"
        ),
        open_checkpoint(archive),
    ):
        pass


def test_truncated_data_file_is_named(prefix):
    with open(prefix + DATA, "r+b") as file:
        file.truncate(4)
    with pytest.raises(ValueError, match=r"model.ckpt-7: the value of a/weights"):
        CheckpointReader(prefix)["a/weights"]


def test_changed_data_file_is_named(prefix):
    with open(prefix + DATA, "r+b") as file:
        file.write(b"\xff\xff")
    with pytest.raises(ValueError, match=r"model.ckpt-7: the value of"):
        for name in VALUES:
            CheckpointReader(prefix)[name]


def test_missing_data_file_is_named(prefix, tmp_path):
    (tmp_path / "run" / f"model.ckpt-7{DATA}").unlink()
    with pytest.raises(ValueError, match=r"model\.ckpt-7"):
        CheckpointReader(prefix)["a/weights"]


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_damaged_index_is_named(prefix, content):
    with open(prefix + ".index", "r+b") as file:
        file.truncate(20 if content is None else 0)
        if content:
            file.write(content)
    with pytest.raises(ValueError, match=r"model\.ckpt-7 cannot be read as"):
        CheckpointReader(prefix)


@pytest.fixture
def v1_file(tmp_path):
    # TensorFlow would take such a name for a pattern.
    return write_v1_checkpoint(tmp_path / "slim [1]" / "resnet_v1_101.ckpt", VALUES)


def test_v1_checkpoint_is_its_single_file(v1_file):
    with open_checkpoint(v1_file) as reader:
        assert reader.path == v1_file
        assert reader.shapes == {"a/weights": (2, 3), "step": ()}
        np.testing.assert_array_equal(reader["a/weights"], VALUES["a/weights"])
        assert reader["step"] == 7


def test_v1_checkpoint_is_found_in_a_folder_and_by_its_state_file(v1_file, tmp_path):
    (tmp_path / "notes.ckpt.txt").write_text("no checkpoint")
    assert find_prefix(tmp_path) == v1_file
    write_v1_checkpoint(tmp_path / "slim [1]" / "other.ckpt", VALUES)
    message = r"one of .*other\.ckpt, .*resnet_v1_101\.ckpt"
    with pytest.raises(ValueError, match=message):
        find_prefix(tmp_path)
    state = tmp_path / "slim [1]" / "checkpoint"
    state.write_text('model_checkpoint_path: "resnet_v1_101.ckpt"\n')
    assert find_prefix(tmp_path / "slim [1]") == v1_file


def test_v1_checkpoint_is_found_in_an_archive(v1_file, tmp_path):
    with open(v1_file, "rb") as file:
        archive = pack(tmp_path / "a.tar.gz", {"resnet_v1_101.ckpt": file.read()})
    with open_checkpoint(archive) as reader:
        assert reader["step"] == 7


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG" * 100, None])
def test_file_that_is_no_checkpoint_is_named(v1_file, content):
    with open(v1_file, "r+b") as file:
        file.truncate(200 if content is None else 0)
        file.write(content or b"")
    message = r"resnet_v1_101\.ckpt is no TensorFlow checkpoint: .* not a V1 checkpoint"
    with pytest.raises(ValueError, match=message):
        find_prefix(v1_file)


def test_file_of_caffe_says_what_to_take_in_its_place(tmp_path):
    path = tmp_path / "init.caffemodel"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"file of Caffe, .* convert.py makes .pth"):
        find_prefix(path)


def test_damaged_v1_checkpoint_is_named(v1_file):
    with open(v1_file, "r+b") as file:
        file.seek(10)
        file.write(b"\xff" * 10)
    with (
        pytest.raises(ValueError, match=r"101\.ckpt cannot be read as .* get it again"),
        open_checkpoint(v1_file),
    ):
        pass


def test_state_file_of_an_archive_cannot_name_another_place(prefix, tmp_path):
    state = f'model_checkpoint_path: "{prefix}"\n'.encode()
    path = pack(tmp_path / "evil.tar.gz", {"a/checkpoint": state, "checkpoint": state})
    message = r"evil\.tar\.gz names .* outside of it"
    with pytest.raises(ValueError, match=message), open_checkpoint(path):
        pass
