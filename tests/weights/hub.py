"""Hub server for tests: redirects, tags, range requests, cuts and refusals."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """`files` by `org/name/path`; what goes wrong is set in the rest. `asked` lists the requests that came."""

    url: str = ""
    cdn: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)
    fail_with: list[int] = field(default_factory=list)
    instead: bytes | None = None
    content_type: str = "binary/octet-stream"
    refuse_with: int = 0
    seconds_per_block: float = 0.0
    hang: bool = False
    takes_ranges: bool = True
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def bodies(self) -> list[dict[str, str]]:
        """The headers of the requests for content, in order."""
        return [
            headers
            for method, path, headers in self.asked
            if method == "GET" and path.startswith(("/cdn/", "/release/"))
        ]


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    hub.cdn = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.hang = False
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *ignored: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        hub, path = self.hub, self.path.split("?")[0]
        hub.asked.append((self.command, path, {name.lower(): value for name, value in self.headers.items()}))
        if hub.refuse_with:
            self._end(hub.refuse_with, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        elif path.startswith("/api/models/"):
            self._list(path)
        elif "/resolve/" in path:
            self._redirect(path)
        elif path.startswith(("/cdn/", "/release/")):
            self._content(path.split("/", 2)[2], body)
        else:
            self._end(404, {"X-Error-Code": "EntryNotFound"})

    def _redirect(self, path: str) -> None:
        repo, _, rest = path.strip("/").partition("/resolve/")
        name = f"{repo}/{rest.partition('/')[2]}"
        data = self.hub.files.get(name)
        if data is None:
            self._end(404, {"X-Error-Code": "EntryNotFound"})
            return
        tag = f'"{hashlib.sha256(data).hexdigest()}"'
        self._end(
            302,
            {
                "Location": f"{self.hub.cdn}/cdn/{name}",
                "X-Repo-Commit": COMMIT,
                "ETag": tag,
                "X-Linked-Size": str(len(data)),
                "X-Linked-ETag": tag,
            },
        )

    def _list(self, path: str) -> None:
        repo = path.removeprefix("/api/models/").partition("/revision/")[0]
        siblings = [
            {
                "rfilename": name.removeprefix(repo + "/"),
                "size": len(data),
                "lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 100},
            }
            for name, data in self.hub.files.items()
            if name.startswith(repo + "/")
        ]
        text = json.dumps({"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings}).encode()
        self._end(200, {"Content-Type": "application/json"}, text)

    def _content(self, name: str, body: bool) -> None:
        hub = self.hub
        data = hub.files.get(name) if hub.instead is None else hub.instead
        if data is None or hub.fail_with:
            self._end(hub.fail_with.pop(0) if hub.fail_with else 404, {})
            return
        begin, status, headers = 0, 200, {"Content-Type": hub.content_type, "ETag": f'"{len(data)}"'}
        wanted = self.headers.get("Range")
        if wanted and hub.takes_ranges:
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            if begin >= len(data):
                self._end(416, {"Content-Range": f"bytes */{len(data)}"})
                return
            status, headers["Content-Range"] = 206, f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        if body:
            self._send(data[begin:])

    def _send(self, data: bytes) -> None:
        hub = self.hub
        left = hub.cut_after.pop(0) if hub.cut_after else len(data)
        try:
            for at in range(0, min(left, len(data)), 1 << 14):
                self.wfile.write(data[at : min(at + (1 << 14), left)])
                time.sleep(hub.seconds_per_block)
                while hub.hang and at:
                    time.sleep(0.02)
        except OSError:
            pass
        if left < len(data):
            self.close_connection = True

    def _end(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
