# Licensed under the Apache License, Version 2.0.
"""Released files in a folder: checksums, archives that are not what they should be."""

import hashlib
import io
import logging
import shutil
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest

from deeplab_tf.checkpoints import download as download_module
from deeplab_tf.checkpoints import readers, transfer
from deeplab_tf.checkpoints.download import DownloadError, download, weights_folder
from deeplab_tf.checkpoints.published_checkpoint import (
    TFLITE,
    TORCH,
    PublishedCheckpoint,
)
from tests.checkpoints.file_server import run_server
from tests.checkpoints.test_readers import pack
from tests.checkpoints.tf_checkpoints import write_checkpoint
from tests.conftest import ROOT

NAME = "released_2018.tar.gz"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(transfer, "WAIT_SECONDS", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv(download_module.MIRROR_VARIABLE, raising=False)
    with run_server() as state:
        yield state


def pack_checkpoint(folder, ending=""):
    """Returns the bytes of an archive with a checkpoint, or with one of its files."""
    write_checkpoint(folder / "model.ckpt", {"x": np.arange(999)})
    found = folder.glob(f"model.ckpt*{ending}")
    return pack(
        folder / NAME, {f"a/{f.name}": f.read_bytes() for f in found}
    ).read_bytes()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return pack_checkpoint(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "weights"


def entry(server, *, name=NAME, **fields):
    fields = {
        "trained_on": (),
        "source": "",
        "urls": (f"{server.url}/{name}",),
    } | fields
    return PublishedCheckpoint(name="made", **fields)


def get(server, folder, *, name=NAME, **fields):
    """Downloads as from a mirror: http without a checksum is for mirrors alone."""
    published = entry(server, name=name, **fields)
    return download(published, weights_dir=folder, mirror=server.url)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_is_kept_with_its_checksum(server, folder, archive, caplog):
    server.serve(NAME, archive)
    with caplog.at_level(logging.INFO, "deeplab_tf"):
        path = get(server, folder)
    assert f"{NAME}, {sha256(archive)}, is kept beside it" in caplog.text
    assert path == folder / NAME
    assert path.read_bytes() == archive
    assert files(folder) == [NAME, f"{NAME}.sha256"]


def test_second_use_asks_nobody(server, folder, archive):
    server.serve(NAME, archive)
    get(server, folder)
    assert get(server, folder) == folder / NAME
    assert len(server.requests) == 1


def test_kept_checksum_is_one_that_sha256sum_reads(server, folder, archive):
    server.serve(NAME, archive)
    get(server, folder)
    kept = (folder / f"{NAME}.sha256").read_text()
    assert kept == f"{sha256(archive)}  {NAME}\n"
    command = ["sha256sum", "--check", f"{NAME}.sha256"]
    if shutil.which(command[0]):
        assert subprocess.run(command, cwd=folder, capture_output=True).returncode == 0


def test_file_that_changed_since_is_refused(server, folder, archive):
    server.serve(NAME, archive)
    path = get(server, folder)
    path.write_bytes(archive[:-1] + b"?")
    with pytest.raises(ValueError, match="is not the file that it should be") as error:
        get(server, folder)
    assert sha256(archive) in str(error.value)
    assert f"{NAME}.sha256 when the file was first seen" in str(error.value)


def test_server_that_gives_another_file_than_before_is_refused(server, folder, archive):
    server.serve(NAME, archive)
    path = get(server, folder)
    path.unlink()
    server.serve(NAME, archive + b"changed")
    with pytest.raises(ValueError, match=f"{server.url}/{NAME} is not the file that"):
        get(server, folder)
    assert files(folder) == [f"{NAME}.sha256"]


def test_file_that_was_put_there_by_hand_is_taken(server, folder, archive):
    folder.mkdir()
    (folder / NAME).write_bytes(archive)
    assert get(server, folder).read_bytes() == archive
    assert server.requests == []
    assert files(folder) == [NAME, f"{NAME}.sha256"]


def test_checksum_file_that_is_none_is_told(server, folder, archive):
    folder.mkdir()
    (folder / f"{NAME}.sha256").write_text("no digits")
    server.serve(NAME, archive)
    with pytest.raises(ValueError, match=r"sha256 holds no SHA-256: remove it"):
        get(server, folder)


@pytest.mark.parametrize("is_right", [True, False])
def test_published_checksum_is_compared(server, folder, archive, is_right):
    server.serve(NAME, archive)
    expected = sha256(archive if is_right else b"")
    if is_right:
        # A checksum that is known beforehand makes plain http good enough.
        published = entry(server, sha256=expected)
        assert download(published, weights_dir=folder).is_file()
        return
    with pytest.raises(ValueError, match="It is the one that was published"):
        get(server, folder, sha256=expected)
    assert files(folder) == []


@pytest.mark.parametrize("is_right", [True, False])
def test_digits_in_the_name_are_compared(server, folder, is_right):
    content = b"weights"
    prefix = sha256(content if is_right else b"")[:8]
    name = f"resnet-{prefix}.pth"
    server.serve(name, content)
    fields = {"format": TORCH, "sha256_prefix": prefix}
    if is_right:
        assert get(server, folder, name=name, **fields).is_file()
        return
    with pytest.raises(ValueError, match=f"{prefix} was expected"):
        get(server, folder, name=name, **fields)


def test_plain_http_needs_a_checksum(server, folder, archive):
    server.serve(NAME, archive)
    with pytest.raises(DownloadError, match="plain http is taken only where"):
        download(entry(server), weights_dir=folder)
    assert server.requests == []


def test_next_address_is_asked_where_one_fails(server, folder, archive):
    server.serve("b/" + NAME, archive)
    urls = tuple(f"{server.url}/{place}/{NAME}" for place in "ab")
    published = entry(server, urls=urls, sha256=sha256(archive))
    assert download(published, weights_dir=folder).is_file()
    assert [path for path, _ in server.requests] == [f"/a/{NAME}", f"/b/{NAME}"]


def test_mirror_of_the_environment_is_asked_instead(
    server, folder, archive, monkeypatch
):
    server.serve("mirror/" + NAME, archive)
    monkeypatch.setenv(download_module.MIRROR_VARIABLE, f"{server.url}/mirror/")
    download(entry(server), weights_dir=folder)
    assert [path for path, _ in server.requests] == [f"/mirror/{NAME}"]


def test_failure_names_file_address_and_folder(server, folder):
    with pytest.raises(DownloadError) as error:
        get(server, folder)
    message = str(error.value)
    for part in (NAME, f"{server.url}/{NAME}", str(folder), "--weights_dir", "404"):
        assert part in message
    assert files(folder) == []


def test_offline_asks_nobody_and_says_what_to_do(server, folder, archive):
    server.serve(NAME, archive)
    with pytest.raises(DownloadError) as error:
        download(entry(server), weights_dir=folder, offline=True)
    for part in (NAME, f"{server.url}/{NAME}", str(folder), "--weights_dir"):
        assert part in str(error.value)
    assert server.requests == []
    folder.mkdir()
    (folder / NAME).write_bytes(archive)
    assert download(entry(server), weights_dir=folder, offline=True).is_file()


def test_transfer_that_broke_off_is_gone_on_from(server, folder, archive, monkeypatch):
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    server.serve(NAME, archive, break_after=[100])
    with pytest.raises(
        DownloadError, match=r"(?s)broke off after 100 of .*goes on from"
    ):
        get(server, folder)
    assert get(server, folder).read_bytes() == archive
    assert server.requests[-1][1] == "bytes=100-"
    assert files(folder) == [NAME, f"{NAME}.sha256"]


def test_part_of_something_else_is_fetched_anew(server, folder, archive, monkeypatch):
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    server.serve(NAME, bytes(len(archive)), etag="", break_after=[100])
    with pytest.raises(DownloadError):
        get(server, folder)
    server.serve(NAME, archive, etag="")
    assert get(server, folder).read_bytes() == archive


def test_length_that_is_told_too_short_is_noticed(server, folder, archive):
    server.serve(NAME, archive, length=len(archive) // 2)
    with pytest.raises(ValueError, match="cannot be unpacked"):
        get(server, folder)
    assert files(folder) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (NAME, b"<html>welcome to the hotel</html>", "cannot be unpacked"),
        ("net.tflite", b"<html>welcome to the hotel</html>", "is no TFLite file"),
    ],
)
def test_page_in_place_of_the_file_is_refused(server, folder, name, content, message):
    server.serve(name, content)
    format_ = TFLITE if name.endswith(".tflite") else "TensorFlow 1"
    with pytest.raises(ValueError, match=message):
        get(server, folder, name=name, format=format_)
    assert files(folder) == []


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (".index", r"it/a/model.ckpt has no data: .* Get it again\."),
        (".data-00000-of-00001", r"There is no checkpoint .* in it"),
    ],
)
def test_archive_without_a_whole_checkpoint_is_refused(
    server, folder, tmp_path, ending, message
):
    server.serve(NAME, pack_checkpoint(tmp_path, ending))
    with pytest.raises(ValueError, match=message) as error:
        get(server, folder)
    assert f"{server.url}/{NAME} holds no checkpoint" in str(error.value)
    assert files(folder) == []


def test_tflite_file_is_taken(server, folder):
    server.serve("net.tflite", b"\x1c\0\0\0TFL3....")
    assert get(server, folder, name="net.tflite", format=TFLITE).is_file()


def tar_of(member, content=b""):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tarred:
        member.size = len(content)
        tarred.addfile(member, io.BytesIO(content))
    return target.getvalue()


def member(name, kind=tarfile.REGTYPE, linkname=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, linkname
    return info


@pytest.mark.parametrize(
    ("info", "content", "message"),
    [
        (member("../outside"), b"x", "leads outside its folder"),
        (member("/outside"), b"x", "leads outside its folder"),
        (member("a", tarfile.SYMTYPE, "/etc/passwd"), b"", "is a link or a device"),
        (member("a", tarfile.LNKTYPE, "/etc/passwd"), b"", "is a link or a device"),
        (member("a", tarfile.CHRTYPE), b"", "is a link or a device"),
        (member("a", tarfile.BLKTYPE), b"", "is a link or a device"),
        (member("a"), bytes(5000), "unpacks to more than"),
    ],
    ids=["above", "absolute", "symlink", "hardlink", "device", "disk", "large"],
)
def test_malicious_archive_is_refused_and_removed(
    server, folder, tmp_path, monkeypatch, info, content, message
):
    monkeypatch.setattr(readers, "MAX_UNPACKED_BYTES", 4000)
    server.serve(NAME, tar_of(info, content))
    with pytest.raises(ValueError, match=message):
        get(server, folder)
    assert files(folder) == []
    assert not (tmp_path / "outside").exists()


def test_two_at_a_time_download_once(server, folder, archive):
    server.serve(NAME, archive)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(get(server, folder)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [folder / NAME] * 4
    assert len(server.requests) == 1
    assert files(folder) == [NAME, f"{NAME}.sha256"]


OTHER_PROCESS = """
import sys
from deeplab_tf.checkpoints.download import download
from deeplab_tf.checkpoints.published_checkpoint import PublishedCheckpoint
entry = PublishedCheckpoint(name="", urls=(sys.argv[1],), trained_on=(), source="")
path = download(entry, weights_dir=sys.argv[2], mirror=sys.argv[3])
print(path.stat().st_size)
"""


@pytest.mark.slow
def test_two_processes_do_not_spoil_each_other(server, folder, archive):
    server.serve(NAME, archive)
    words = [f"{server.url}/{NAME}", str(folder), server.url]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OTHER_PROCESS, *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    sizes = [process.communicate()[0].strip() for process in processes]
    assert sizes == [str(len(archive))] * 2
    assert len(server.requests) == 1
    assert files(folder) == [NAME, f"{NAME}.sha256"]


def test_folder_that_cannot_be_made_is_named(server, tmp_path, archive):
    (tmp_path / "file").touch()
    server.serve(NAME, archive)
    with pytest.raises(DownloadError, match=r"cannot be written: .*--weights_dir"):
        get(server, tmp_path / "file" / "weights")


def test_disk_without_room_is_one_reason(server, folder, archive, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    server.serve(NAME, archive)
    with pytest.raises(DownloadError) as error:
        get(server, folder)
    for part in (NAME, f"{server.url}/{NAME}", "make room", "--weights_dir"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        ("here", {"DEEPLAB_TF_CACHE": "/cache"}, "here"),
        (None, {"DEEPLAB_TF_CACHE": "/cache"}, "/cache"),
        (None, {"XDG_CACHE_HOME": "/xdg"}, "/xdg/deeplab_tf"),
        (None, {"HOME": "/home/u"}, "/home/u/.cache/deeplab_tf"),
        ("~/w", {"HOME": "/home/u"}, "/home/u/w"),
    ],
)
def test_folder_of_the_files(monkeypatch, given, environment, expected):
    for name in ("DEEPLAB_TF_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert weights_folder(given).as_posix() == expected
