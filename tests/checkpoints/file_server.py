# Licensed under the Apache License, Version 2.0.
"""A server on loopback that gives files, and misbehaves as it is told to."""

import contextlib
import dataclasses
import http.server
import threading


@dataclasses.dataclass
class Served:
    """How one path is answered.

    Attributes:
        content: the file.
        status: of the answer; 200 gives the file.
        location: where a redirection leads to.
        etag: of the file; "" for none.
        ranges: whether a range is answered with it, or with the whole file.
        break_after: bytes after which the connection ends, for each answer in turn;
            None ends it after the file.
        length: the length that is told; None is the true one.
        fails: answers of these statuses come first.
    """

    content: bytes = b""
    status: int = 200
    location: str = ""
    etag: str = '"1"'
    ranges: bool = True
    break_after: list = dataclasses.field(default_factory=list)
    length: int | None = None
    fails: list = dataclasses.field(default_factory=list)


class FileServer:
    """The server.

    Attributes:
        url: of its root, without a slash at its end.
        files: path -> `Served`.
        requests: (path, range or None) of each request, in their order.
    """

    def __init__(self, server):
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.files = {}
        self.requests = []

    def serve(self, name, content, **options):
        self.files[f"/{name}"] = Served(content=content, **options)
        return f"{self.url}/{name}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        state = self.server.state
        wanted = self.headers.get("Range")
        state.requests.append((self.path, wanted))
        served = state.files.get(self.path)
        if served is None:
            self.send_error(404)
        elif served.fails:
            self.send_error(served.fails.pop(0))
        elif served.location:
            self.send_response(302)
            self.send_header("Location", served.location)
            self.end_headers()
        elif served.status != 200:
            self.send_error(served.status)
        else:
            self._send(served, wanted)

    def _send(self, served, wanted):
        start, content = 0, served.content
        same = self.headers.get("If-Range") in (None, served.etag)
        if wanted and served.ranges and same:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            total = len(content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        else:
            self.send_response(200)
        body = content[start:]
        length = len(body) if served.length is None else served.length
        if length >= 0:
            self.send_header("Content-Length", str(length))
        if served.etag:
            self.send_header("ETag", served.etag)
        self.end_headers()
        limit = served.break_after.pop(0) if served.break_after else None
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body if limit is None else body[:limit])


@contextlib.contextmanager
def run_server():
    """Runs a server of no files yet in a thread."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.state = FileServer(server)
        thread = threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        try:
            yield server.state
        finally:
            server.shutdown()
            thread.join()
