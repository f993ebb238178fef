"""ASGI middleware: route, origin and upload-name allow-lists, and an upload limit.

The page library answers many more addresses than this app uses (files by path, proxies, downloads by address); they
are closed here, whatever its version. A request from another site, or under another name for this machine, is refused:
a website must not be able to reach the app through the browser of whoever runs it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

API = "/gradio_api"
FILE = f"{API}/file="
UPLOAD = f"{API}/upload"
_READ = {
    "/",
    "/config",
    "/theme.css",
    "/favicon.ico",
    "/manifest.json",
    f"{API}/queue/data",
    f"{API}/theme.css",
    f"{API}/startup-events",
    f"{API}/app_id",
    "/robots.txt",
}
# What gradio_client reads besides, where programs are let in.
_READ_BY_PROGRAMS = {f"{API}/info", "/info"}
_READ_BELOW = ("/assets/", "/static/", "/svelte/", "/results/", f"{API}/heartbeat/", FILE)
_COMMANDS = {f"{API}/queue/join", f"{API}/run/predict", f"{API}/cancel", f"{API}/reset"}
# Prompts are capped at a few thousand characters.
_MAX_COMMAND_BYTES = 1 << 16
# What a form adds to the file in it.
_FORM_BYTES = 1 << 16
_TOO_LARGE = "More than is taken here; cut the video or scale it down, or start the app with a larger --max-upload."

_OWN = "'self'"
_INLINE = "'unsafe-inline'"
# The browser itself refuses what would leave this machine; the library's own scripts are inline and compiled.
POLICY = "; ".join(
    (
        f"default-src {_OWN}",
        f"script-src {_OWN} {_INLINE} 'unsafe-eval' blob:",
        f"style-src {_OWN} {_INLINE}",
        f"img-src {_OWN} data: blob:",
        f"media-src {_OWN} data: blob:",
        f"font-src {_OWN} data:",
        f"connect-src {_OWN} data: blob:",
        f"worker-src {_OWN} blob:",
        "object-src 'none'",
        f"base-uri {_OWN}",
        f"form-action {_OWN}",
        "frame-ancestors 'none'",
    )
)
_HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class _TooLargeError(Exception):
    """More arrived than may."""


@dataclass(frozen=True)
class RequestGuard:
    """ASGI middleware. `hosts` are the names this server may be called by (empty: any).

    `resolve` gives the file that a page's name of an upload means, or None for anything else. `for_programs` opens the
    description of the endpoint that gradio_client reads.
    """

    app: App
    resolve: Callable[[object], str | None]
    max_upload_bytes: int
    hosts: frozenset[str] = frozenset()
    for_programs: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        status, why = self._refusal(scope)
        if not status and scope["path"] in _COMMANDS:
            status, why, receive = await self._read_command(receive)
        if status:
            await _Answer(send).refuse(status, why)
            return
        most = self.max_upload_bytes + _FORM_BYTES if scope["path"] == UPLOAD else _MAX_COMMAND_BYTES
        counted = _LimitedBody(receive, most)
        answer = _Answer(send, counted)
        try:
            await self.app(scope, counted, answer)
        except _TooLargeError:
            await answer.refuse(413, _TOO_LARGE)

    def _refusal(self, scope: Scope) -> tuple[int, str]:
        """The status and reason to refuse a request with; (0, "") lets it in."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.hosts and name_of(host) not in self.hosts:
            return 403, "This server is not known by that name."
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "Requests from other sites are refused."
        is_foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        if is_foreign and not _is_navigation(scope, headers):
            return 403, "Requests from other sites are refused."
        if not is_open(scope.get("method", ""), scope["path"], self.for_programs):
            return 404, "There is no such address."
        if scope["path"].startswith(FILE):
            file = self.resolve(scope["path"].removeprefix(FILE))
            if file is None:
                return 403, "This is not an upload."
            scope["path"], scope["raw_path"] = FILE + file, quote(FILE + file).encode()
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.max_upload_bytes + _FORM_BYTES:
            return 413, _TOO_LARGE
        return 0, ""

    async def _read_command(self, receive: Receive) -> tuple[int, str, Receive]:
        """Read a request's JSON and refuse it for any path in it that is not an upload; gives it back to be read."""
        try:
            body = await _whole(_LimitedBody(receive, _MAX_COMMAND_BYTES))
            asked = json.loads(body)
        except _TooLargeError:
            return 413, "The request is too large.", receive
        except (ValueError, RecursionError):
            return 400, "The request is not JSON.", receive
        for item in with_paths(asked):
            if (file := self.resolve(item["path"])) is None:
                return 403, "A path that is not an upload is refused.", receive
            item["path"] = file
        return 0, "", _replay(json.dumps(asked).encode(), receive)


def is_open(method: str, path: str, for_programs: bool = False) -> bool:
    """Whether the page has any use for that address, or a program where these are let in."""
    if method in ("GET", "HEAD"):
        if for_programs and path in _READ_BY_PROGRAMS:
            return True
        return path in _READ or (path.startswith(_READ_BELOW) and ".." not in path.split("/"))
    return method == "POST" and (path in _COMMANDS or path == UPLOAD)


def _is_navigation(scope: Scope, headers: dict[str, str]) -> bool:
    """Somebody clicked on a link to the page; it cannot be shown within another site."""
    return scope["method"] == "GET" and scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"


def name_of(host: str) -> str:
    """A Host header's name without its port, in lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def with_paths(value: Any) -> Iterator[dict[str, Any]]:
    """Every object with a key `path` in some JSON, however deep."""
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
            if "path" in item:
                yield item
        elif isinstance(item, list):
            waiting.extend(item)


class _Answer:
    """Sends an answer, with the headers that keep the page to itself."""

    def __init__(self, send: Send, counted: _LimitedBody | None = None) -> None:
        self._send = send
        self._counted = counted
        self._has_begun = self._is_refused = False

    async def __call__(self, message: Message) -> None:
        if self._is_refused:
            return
        if self._counted is not None and self._counted.is_over and not self._has_begun:
            # The server within has met the end of what is read, and would call it an error of its own.
            await self.refuse(413, _TOO_LARGE)
            return
        if message["type"] == "http.response.start":
            self._has_begun = True
            message = {**message, "headers": [*_without(message.get("headers", ())), *_HEADERS]}
        await self._send(message)

    async def refuse(self, status: int, why: str) -> None:
        if self._has_begun or self._is_refused:
            return
        body = why.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        self._is_refused = True
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *_HEADERS]})
        await self._send({"type": "http.response.body", "body": body})


def _without(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    ours = {name for name, _ in _HEADERS}
    return [(name, value) for name, value in headers if name.lower() not in ours]


class _LimitedBody:
    """Passes on what arrives, up to `most` bytes; `is_over` says that there were more."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._left = most
        self.is_over = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.is_over = True
            raise _TooLargeError
        return message


async def _whole(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replaying() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replaying
