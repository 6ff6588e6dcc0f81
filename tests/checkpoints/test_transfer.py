# Licensed under the Apache License, Version 2.0.
"""One file over HTTP, from a server on loopback that breaks off, lies and redirects."""

import errno
import json
import shutil
import time

import numpy as np
import pytest

from deeplab_tf.checkpoints import transfer
from deeplab_tf.checkpoints.transfer import DiskError, TransferError, fetch
from tests.checkpoints import file_server
from tests.checkpoints.file_server import run_server

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(transfer, "WAIT_SECONDS", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with run_server() as state:
        yield state


@pytest.fixture
def partial(tmp_path):
    return tmp_path / "file.partial"


def ranges(server):
    return [wanted for _, wanted in server.requests]


def test_file_arrives_and_progress_is_told(server, partial):
    calls = []
    url = server.serve("file", CONTENT)
    fetch(url, partial, allow_http=True, progress=lambda *call: calls.append(call))
    assert partial.read_bytes() == CONTENT
    assert calls[-1] == (len(CONTENT), len(CONTENT))
    assert len(calls) > 2


def test_transfer_that_breaks_off_goes_on_where_it_was(server, partial):
    url = server.serve("file", CONTENT, break_after=[100_000, 50_000])
    fetch(url, partial, allow_http=True)
    assert partial.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=100000-", "bytes=150000-"]


def test_next_command_goes_on_from_the_part_that_is_there(server, partial, monkeypatch):
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    url = server.serve("file", CONTENT, break_after=[100_000])
    with pytest.raises(TransferError, match="broke off after 100000 of 300000 bytes"):
        fetch(url, partial, allow_http=True)
    fetch(url, partial, allow_http=True)
    assert partial.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=100000-"]


def test_whole_part_is_not_asked_for_again(server, partial):
    url = server.serve("file", CONTENT)
    fetch(url, partial, allow_http=True)
    fetch(url, partial, allow_http=True)
    assert len(server.requests) == 1


def test_server_without_ranges_starts_over(server, partial):
    url = server.serve("file", CONTENT, break_after=[100_000], ranges=False)
    fetch(url, partial, allow_http=True)
    assert partial.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=100000-"]


@pytest.mark.parametrize("etag", ['"2"', 'W/"2"', ""])
def test_file_that_changed_meanwhile_is_not_mixed_with_the_old(
    server, partial, monkeypatch, etag
):
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    url = server.serve("file", CONTENT, break_after=[100_000])
    with pytest.raises(TransferError):
        fetch(url, partial, allow_http=True)
    server.serve("file", OTHER, etag=etag)
    fetch(url, partial, allow_http=True)
    assert partial.read_bytes() == OTHER


def test_without_a_tag_the_size_tells_another_file(server, partial, monkeypatch):
    url = server.serve("file", CONTENT, etag="", break_after=[100_000])
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    with pytest.raises(TransferError):
        fetch(url, partial, allow_http=True)
    server.serve("file", OTHER[:-1], etag="")
    monkeypatch.setattr(transfer, "ATTEMPTS", 2)
    fetch(url, partial, allow_http=True)
    assert partial.read_bytes() == OTHER[:-1]


def test_part_that_is_longer_than_the_file_starts_over(server, partial):
    url = server.serve("file", CONTENT)
    partial.write_bytes(OTHER + b"more")
    state = {"url": url, "validator": '"1"', "total": 400_000}
    partial.with_name("file.partial.json").write_text(json.dumps(state))
    fetch(url, partial, allow_http=True)
    assert partial.read_bytes() == CONTENT


def test_part_of_another_address_starts_over(server, partial):
    partial.write_bytes(OTHER[:1000])
    fetch(server.serve("file", CONTENT), partial, allow_http=True)
    assert partial.read_bytes() == CONTENT
    assert ranges(server) == [None]


def test_server_that_promises_too_much_is_told(server, partial):
    url = server.serve("file", CONTENT, length=len(CONTENT) + 1)
    with pytest.raises(TransferError, match=r"broke off|of another file"):
        fetch(url, partial, allow_http=True)
    assert len(server.requests) == transfer.ATTEMPTS


def test_busy_server_is_asked_again(server, partial):
    url = server.serve("file", CONTENT, fails=[503, 500])
    fetch(url, partial, allow_http=True)
    assert partial.read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (500, 6)])
def test_error_of_the_server_is_told(server, partial, status, requests):
    url = server.serve("file", CONTENT, status=status)
    with pytest.raises(TransferError, match=f"file: the server answers {status}"):
        fetch(url, partial, allow_http=True)
    assert len(server.requests) == requests


def test_redirection_is_followed(server, partial):
    server.serve("moved", CONTENT)
    server.serve("file", b"", location="/moved")
    fetch(f"{server.url}/file", partial, allow_http=True)
    assert partial.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/file", "/file"]
)
def test_redirection_elsewhere_or_in_a_circle_is_refused(server, partial, location):
    url = server.serve("file", b"", location=location)
    with pytest.raises(TransferError):
        fetch(url, partial, allow_http=True)
    assert not partial.exists()


def test_redirection_from_https_to_http_is_refused():
    handler = transfer._Redirections(allow_http=False)
    with pytest.raises(TransferError, match="plain http is taken only where"):
        handler.redirect_request(None, None, 302, "", {}, "http://example.org/file")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1/file", "plain http is taken only where the checksum is"),
        ("file:///etc/passwd", "expected an address with https or http"),
    ],
)
def test_address_is_checked_before_it_is_opened(partial, url, message):
    with pytest.raises(TransferError, match=message):
        fetch(url, partial, allow_http=False)


def test_host_that_is_not_there_is_told(server, partial):
    # A port that nobody listens to: the server's own, once it is gone.
    with run_server() as gone:
        url = gone.serve("file", CONTENT)
    with pytest.raises(TransferError, match=r"/file: .*refused"):
        fetch(url, partial, allow_http=True)


def test_server_that_falls_silent_is_told(server, partial, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    monkeypatch.setattr(
        file_server._Handler, "_send", lambda self, served, wanted: time.sleep(0.5)
    )
    url = server.serve("file", CONTENT)
    with pytest.raises(TransferError, match="timed out"):
        fetch(url, partial, allow_http=True)


@pytest.mark.parametrize("length", [None, -1], ids=["told", "not_told"])
def test_file_that_is_too_large_is_refused(server, partial, monkeypatch, length):
    monkeypatch.setattr(transfer, "MAX_BYTES", 200_000)
    url = server.serve("file", CONTENT, length=length)
    with pytest.raises(TransferError, match="published"):
        fetch(url, partial, allow_http=True)


def test_disk_without_room_is_told_beforehand(server, partial, monkeypatch):
    usage = shutil.disk_usage(partial.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DiskError, match=r"300000 bytes are to come.* make room"):
        fetch(server.serve("file", CONTENT), partial, allow_http=True)


def test_disk_that_becomes_full_is_told(server, partial, monkeypatch):
    class Full:
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    write = transfer._write
    monkeypatch.setattr(
        transfer, "_write", lambda _, *rest: write(Full(), *rest), raising=True
    )
    with pytest.raises(DiskError, match=r"partial cannot be written: No space left"):
        fetch(server.serve("file", CONTENT), partial, allow_http=True)
