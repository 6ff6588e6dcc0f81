# Licensed under the Apache License, Version 2.0.
"""One file over HTTP into a partial file, which a broken transfer leaves for the next.

A server that knows ranges sends what is missing, if it still has the same file; one
that does not starts over.
"""

import dataclasses
import http.client
import json
import logging
import pathlib
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import IO, Any

log = logging.getLogger(__name__)

# Bytes that are there, and bytes that there will be, if the server says it.
Progress = Callable[[int, int | None], None]

# The largest published file has 0.5 GB.
MAX_BYTES = 4 << 30
TIMEOUT_SECONDS = 60.0
ATTEMPTS = 6
# Before the second attempt; it doubles from one to the next.
WAIT_SECONDS = 1.0

_CHUNK = 1 << 16
_AGENT = "deeplab_tf"
# Answers after which the same server may give another one.
_PASSING = (408, 425, 429, 500, 502, 503, 504)


class TransferError(OSError):
    """A server does not give a file; the message says why."""


class DiskError(TransferError):
    """The disk does not take a file, whichever server gives it."""


class _BrokenOffError(Exception):
    """A transfer ended early; another attempt may go on from there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _State:
    """What a server said of the file of which a part is there.

    Attributes:
        url: where it came from.
        validator: ETag or date, by which the server knows its version; "" for none.
        total: bytes of the whole file; None: the server did not say.
    """

    url: str = ""
    validator: str = ""
    total: int | None = None


def fetch(
    url: str,
    partial: pathlib.Path,
    *,
    allow_http: bool,
    progress: Progress | None = None,
) -> None:
    """Fetches a file, or what is missing of it.

    Args:
        url: of the file; http or https.
        partial: takes what comes; what it holds is gone on from.
        allow_http: whether it may come unencrypted, also after a redirection.
        progress: is called with the bytes that are there, now and then.

    Raises:
        TransferError: the server does not give it, or the disk does not take it.
    """
    _check_scheme(url, allow_http=allow_http)
    opener = urllib.request.build_opener(_Redirections(allow_http=allow_http))
    reason: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(WAIT_SECONDS * 2 ** (attempt - 1))
            log.info("%s: %s. Attempt %d.", url, reason, attempt + 1)
        try:
            _fetch_once(opener, url, partial, progress)
            return
        except urllib.error.HTTPError as error:
            reason = error
            error.close()
            if error.code not in _PASSING:
                break
        except urllib.error.URLError as error:
            reason = error
            if not isinstance(error.reason, (TimeoutError, ConnectionError)):
                break
            if isinstance(error.reason, ConnectionRefusedError):
                break
        except (
            *(_BrokenOffError, TimeoutError, ConnectionError),
            http.client.HTTPException,
        ) as error:
            reason = error
    raise TransferError(f"{url}: {_describe(reason)}")


def _describe(reason: Any) -> str:
    if isinstance(reason, urllib.error.HTTPError):
        return f"the server answers {reason.code} {reason.reason}"
    if isinstance(reason, urllib.error.URLError):
        reason = reason.reason
    return str(reason) or type(reason).__name__


def _fetch_once(
    opener: urllib.request.OpenerDirector,
    url: str,
    partial: pathlib.Path,
    progress: Progress | None,
) -> None:
    state = _read_state(partial)
    there = partial.stat().st_size if partial.exists() else 0
    if there and state.url == url and state.total == there:
        return
    request = urllib.request.Request(url)
    request.add_header("User-Agent", _AGENT)
    request.add_header("Accept-Encoding", "identity")
    if there and state.url == url:
        request.add_header("Range", f"bytes={there}-")
        if state.validator:
            request.add_header("If-Range", state.validator)
    try:
        response = opener.open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            error.close()
            forget(partial)
            raise _BrokenOffError("the part that is there is of another file") from None
        raise
    with response:
        start, total = _answered_range(response)
        if start not in (0, there) or (start and state.total not in (None, total)):
            forget(partial)
            raise _BrokenOffError("the server has another file than before")
        if start == 0:
            _write_state(partial, _state_of(response, url, total))
        _check_room(url, partial, start, total)
        _copy(response, url, partial, start=start, total=total, progress=progress)


def _copy(
    response: Any,
    url: str,
    partial: pathlib.Path,
    *,
    start: int,
    total: int | None,
    progress: Progress | None,
) -> None:
    there = start
    with partial.open("r+b" if partial.exists() else "w+b") as file:
        file.truncate(start)
        file.seek(start)
        while chunk := response.read1(_CHUNK):
            there += len(chunk)
            if there > MAX_BYTES:
                forget(partial)
                raise TransferError(
                    f"{url}: it has more than {MAX_BYTES >> 20} MB, which no published "
                    "checkpoint has"
                )
            _write(file, chunk, url, partial)
            if progress is not None:
                progress(there, total)
    if total is not None and there < total:
        raise _BrokenOffError(f"it broke off after {there} of {total} bytes")


def _write(file: IO[bytes], chunk: bytes, url: str, partial: pathlib.Path) -> None:
    try:
        file.write(chunk)
        # What the disk does not take is told here, and not when the file is closed.
        file.flush()
    except OSError as error:
        raise DiskError(
            f"{url}: {partial} cannot be written: {error.strerror}"
        ) from error


def _check_room(url: str, partial: pathlib.Path, start: int, total: int | None) -> None:
    if total is None:
        return
    if total > MAX_BYTES:
        raise TransferError(
            f"{url}: it has {total} bytes, more than any published checkpoint"
        )
    free = shutil.disk_usage(partial.parent).free
    if total - start > free:
        raise DiskError(
            f"{url}: {total - start} bytes are to come, and {partial.parent} has room "
            f"for {free}: make room on the disk"
        )


def _answered_range(response: Any) -> tuple[int, int | None]:
    """Returns the first byte that a response holds, and the size of the whole file."""
    if response.status == 206:
        text = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", text.strip())
        if match is None:
            raise _BrokenOffError(f"the server answers with the range {text!r}")
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length")
    return 0, int(length) if length and length.isdigit() else None


def _state_of(response: Any, url: str, total: int | None) -> _State:
    tag = response.headers.get("ETag", "")
    # A weak tag does not promise the same bytes.
    if tag.startswith("W/"):
        tag = ""
    return _State(
        url=url, validator=tag or response.headers.get("Last-Modified", ""), total=total
    )


def _state_file(partial: pathlib.Path) -> pathlib.Path:
    return partial.with_name(f"{partial.name}.json")


def _read_state(partial: pathlib.Path) -> _State:
    try:
        return _State(**json.loads(_state_file(partial).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return _State()


def _write_state(partial: pathlib.Path, state: _State) -> None:
    # In this order: a part never has the state of another file beside it.
    with partial.open("ab") as file:
        file.truncate(0)
    _state_file(partial).write_text(json.dumps(dataclasses.asdict(state)), "utf-8")


def forget(partial: pathlib.Path, *, file_too: bool = False) -> None:
    """Forgets what a partial file holds, so that the next transfer starts over.

    Args:
        partial: the file.
        file_too: whether it is removed; otherwise it is empty.
    """
    _state_file(partial).unlink(missing_ok=True)
    if file_too:
        partial.unlink(missing_ok=True)
    elif partial.exists():
        with partial.open("r+b") as file:
            file.truncate(0)


def _check_scheme(url: str, *, allow_http: bool) -> None:
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme == "https" or (scheme == "http" and allow_http):
        return
    if scheme == "http":
        raise TransferError(
            f"{url}: plain http is taken only where the checksum is known beforehand"
        )
    raise TransferError(f"{url}: expected an address with https or http")


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows redirections, though not to plain http or to local files."""

    def __init__(self, *, allow_http: bool):
        self._allow_http = allow_http

    def redirect_request(
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str
    ) -> Any:
        """Returns the request that follows a redirection."""
        _check_scheme(newurl, allow_http=self._allow_http)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
