"""HTTP client of one configured server: no redirects, limits, retries with backoff.

No proxy of the environment is used: a key goes to the configured host and nowhere else.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from deepsound.errors import EngineError
from deepsound.reason.answer_parser import plain
from deepsound.reason.line_streamer import LineStreamer
from deepsound.reason.server.event_stream import CompletionStream, StreamError
from deepsound.runtime.background import run_in_background
from deepsound.runtime.endpoints import Endpoint
from deepsound.runtime.progress import Progress

MOST_BYTES = 4 << 20
_CONNECT_S = 10.0
_BLOCK = 1 << 16
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = range(300, 400)
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_POLL_S = 0.1
# Shorter keys are placeholders such as EMPTY, which a text may have for other reasons.
_SECRET_LENGTH = 8
_AGAIN = "try again later, or choose another reasoner"


class Refused(EngineError):
    """The server answered that it cannot take this request; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Busy(Exception):
    """The server may answer later; `wait_s` is what it asks for."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Reply:
    """An HTTP answer: its status, headers of interest and its body, a stream's put together; at most MOST_BYTES."""

    status: int
    retry_after: str
    body: bytes


def post(
    endpoint: Endpoint, path: str, body: dict[str, Any], progress: Progress, lines: LineStreamer | None = None
) -> Any:
    """What the server answers to a JSON `body`, parsed, without the key in it; `lines` says a streamed one meanwhile.

    Asks again where the server is busy or away, as often as the endpoint says. Raises Refused for a request that it
    does not take, EngineError for every other failure, Cancelled within a second.
    """
    content = json.dumps(body).encode()
    for attempt in range(endpoint.retries + 1):
        try:
            return _parsed(endpoint, _exchange(endpoint, path, content, progress, lines))
        except _Busy as busy:
            if attempt == endpoint.retries:
                tries = f" ({attempt + 1} tries)" if attempt else ""
                raise EngineError(
                    f"server:{endpoint.name}: expected an answer, got none{tries}: {busy}; {_AGAIN}."
                ) from None
            # Jitter, so that the workers of a batch do not come back all at once.
            wait_s = max(busy.wait_s, _FIRST_WAIT_S * 2**attempt) * random.SystemRandom().uniform(1, 1.25)
            _pause(min(wait_s, _LONGEST_WAIT_S), progress)
    raise AssertionError("the last attempt returns or raises")


def _exchange(endpoint: Endpoint, path: str, content: bytes, progress: Progress, lines: LineStreamer | None) -> Reply:
    """One request and its answer, in a thread that is given up when time is over or the user cancels."""
    deadline_s = time.monotonic() + endpoint.timeout_s
    connection = _connection(endpoint)
    pieces: deque[str] = deque()
    if lines is not None:
        lines.restart()

    def meanwhile() -> None:
        while lines is not None and pieces:
            lines.add(pieces.popleft())
        if time.monotonic() > deadline_s:
            raise _Busy(f"nothing whole within {endpoint.timeout_s} s")

    try:
        reply = run_in_background(
            lambda stop: _talk(connection, endpoint, path, content, stop, pieces.append), progress, meanwhile
        )
        meanwhile()
        return reply
    except (OSError, http.client.HTTPException) as error:
        # The exceptions' own words may have what the server sent.
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise _Busy(without_key(endpoint, str(why))) from None
    finally:
        # Ends a read that hangs, too.
        with contextlib.suppress(OSError):
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()


def _connection(endpoint: Endpoint) -> http.client.HTTPConnection:
    parts = urlsplit(endpoint.url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=_CONNECT_S, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, parts.port, timeout=_CONNECT_S)


def _talk(
    connection: http.client.HTTPConnection,
    endpoint: Endpoint,
    path: str,
    content: bytes,
    stop: threading.Event,
    on_text: Callable[[str], None],
) -> Reply:
    accepted = "application/json, text/event-stream" if endpoint.stream else "application/json"
    headers = {"Content-Type": "application/json", "Accept": accepted, "Accept-Encoding": "identity"}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    connection.connect()
    if connection.sock is not None:
        connection.sock.settimeout(endpoint.timeout_s)
    connection.request("POST", urlsplit(endpoint.url).path + path, content, headers)
    response = connection.getresponse()
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise EngineError(
            f"server:{endpoint.name}: expected an answer as it is, got a compressed one; configure another server."
        )
    is_stream = response.headers.get_content_type() == "text/event-stream" and response.status == http.HTTPStatus.OK
    read = _streamed if is_stream else _whole
    return Reply(response.status, response.headers.get("Retry-After", ""), read(endpoint, response, stop, on_text))


def _whole(
    endpoint: Endpoint, response: http.client.HTTPResponse, stop: threading.Event, on_text: Callable[[str], None]
) -> bytes:
    """The body of an answer."""
    body = b"".join(_blocks(endpoint, response, stop))
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    return body


def _streamed(
    endpoint: Endpoint, response: http.client.HTTPResponse, stop: threading.Event, on_text: Callable[[str], None]
) -> bytes:
    """The completion that an event stream makes, as JSON; `on_text` is given its text as it comes."""
    stream = CompletionStream()
    for block in _blocks(endpoint, response, stop):
        try:
            text = stream.add(block)
        except StreamError as error:
            said = _excerpt(without_key(endpoint, str(error)))
            raise Refused(
                error.status,
                f"server:{endpoint.name}: the server ended its answer with an error ({said}); try again, or correct "
                "the endpoint.",
            ) from None
        except (ValueError, TypeError, RecursionError):
            raise _no_completion(endpoint, without_key(endpoint, block.decode("utf-8", "replace"))) from None
        if text:
            on_text(text)
        if stream.is_done:
            return json.dumps(stream.completion()).encode()
    raise http.client.IncompleteRead(b"")


def _blocks(endpoint: Endpoint, response: http.client.HTTPResponse, stop: threading.Event) -> Iterator[bytes]:
    """What comes of a body, as it comes, until `stop`. Raises EngineError for more than MOST_BYTES."""
    length = 0
    while not stop.is_set() and (block := response.read1(_BLOCK)):
        length += len(block)
        if length > MOST_BYTES:
            raise EngineError(
                f"server:{endpoint.name}: expected an answer of at most {MOST_BYTES >> 20} MiB, got a longer one; "
                "lower max_tokens, or configure another server."
            )
        yield block


def _parsed(endpoint: Endpoint, reply: Reply) -> Any:
    text = without_key(endpoint, reply.body.decode("utf-8", "replace"))
    who = f"server:{endpoint.name}"
    if reply.status in _REDIRECTS:
        raise EngineError(
            f"{who}: expected an answer, got a redirect (HTTP {reply.status}), which is not followed; configure the "
            "address it leads to, if you trust it."
        )
    if reply.status in (401, 403):
        raise EngineError(f"{who}: the server refused the key (HTTP {reply.status}); correct key or key_env.")
    if reply.status in _BUSY:
        raise _Busy(f"HTTP {reply.status}, {_excerpt(text)}", _seconds(reply.retry_after))
    if not 200 <= reply.status < 300:
        raise Refused(
            reply.status,
            f"{who}: the server refused the request (HTTP {reply.status}: {_excerpt(text)}); correct url, model, "
            "pictures or sound of the endpoint.",
        )
    try:
        return _without_key_inside(endpoint, json.loads(text))
    except (ValueError, RecursionError):
        raise _no_completion(endpoint, text) from None


def _no_completion(endpoint: Endpoint, text: str) -> EngineError:
    return EngineError(
        f"server:{endpoint.name}: expected a chat completion in JSON, got {_excerpt(text)!r}; correct the endpoint's "
        "url, which ends in /v1 for most servers."
    )


def without_key(endpoint: Endpoint, text: str) -> str:
    """`text` with the endpoint's key, should the server repeat it, replaced."""
    return text.replace(endpoint.key, "[key]") if len(endpoint.key) >= _SECRET_LENGTH else text


def _without_key_inside(endpoint: Endpoint, value: Any) -> Any:
    """Parsed JSON without the key: in the text it may stand behind escapes."""
    if isinstance(value, str):
        return without_key(endpoint, value)
    if isinstance(value, list):
        return [_without_key_inside(endpoint, inner) for inner in value]
    if isinstance(value, dict):
        return {without_key(endpoint, name): _without_key_inside(endpoint, inner) for name, inner in value.items()}
    return value


def _excerpt(text: str) -> str:
    return " ".join(plain(text).split())[:200] or "no text"


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0.0


def _pause(seconds: float, progress: Progress) -> None:
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        progress.check()
        time.sleep(min(_POLL_S, left_s))
