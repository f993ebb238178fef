"""A small OpenAI-compatible server that answers, or misbehaves, as a test tells it."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = {
    "summary": "I look and listen.",
    "caption": "A street; somebody speaks.",
    "reasoning": "There are no people in the video. There is the sound of people in the audio. "
    "I detect that the audio contains a voice-over.",
    "voice_spans": [[0.2, 0.8]],
    "conclusion": "A",
}
TAGGED = (
    "<SUMMARY> I look. </SUMMARY> <CAPTION> People talk. </CAPTION> <REASONING> There are people in the video. There "
    "is the sound of people in the audio. I detect that the audio does not contain a voice-over. </REASONING> "
    "<CONCLUSION> B </CONCLUSION>"
)


class FakeJudge:
    """Keeps what it was sent; `behave` answers a request, given its handler and body."""

    def __init__(self, behave: Callable[[_Handler, dict[str, Any]], None] | None = None) -> None:
        self.behave = behave or (lambda handler, body: handler.complete(json.dumps(ANSWER)))
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.most_at_once = self.at_once = 0
        self.lock = threading.Lock()

    def __enter__(self) -> FakeJudge:
        handler = type("Handler", (_Handler,), {"judge": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *what: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    judge: FakeJudge

    def do_GET(self) -> None:
        self.judge.paths.append(self.path)
        self.answer(404, b"")

    def do_POST(self) -> None:
        judge = self.judge
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with judge.lock:
            judge.bodies.append(body)
            judge.headers.append(dict(self.headers))
            judge.paths.append(self.path)
            judge.at_once += 1
            judge.most_at_once = max(judge.most_at_once, judge.at_once)
        with contextlib.suppress(OSError):
            judge.behave(self, body)
        with judge.lock:
            judge.at_once -= 1

    def complete(self, text: Any, **message: Any) -> None:
        """A chat completion with that text."""
        choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
        self.answer(200, json.dumps({"model": "tiny-judge", "choices": [choice]}).encode())

    def begin_stream(self) -> None:
        """The head of an event stream, which ends with the connection."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()

    def event(self, data: Any) -> None:
        """One event of a stream: JSON, or the text as it is."""
        text = data if isinstance(data, str) else json.dumps(data)
        self.wfile.write(f"data: {text}\r\n\r\n".encode())
        self.wfile.flush()

    def chunk(self, text: str, finish_reason: str | None = None) -> None:
        """One event with the next piece of an answer."""
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
        self.event({"model": "tiny-judge", "choices": [choice]})

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *what: object) -> None:
        pass


def text(answer: Any, **message: Any) -> Callable[[_Handler, dict[str, Any]], None]:
    return lambda handler, body: handler.complete(answer, **message)


def status(number: int, body: bytes = b"{}", **headers: str) -> Callable[[_Handler, dict[str, Any]], None]:
    return lambda handler, request: handler.answer(number, body, **headers)


def busy(times: int, number: int = 503) -> Callable[[_Handler, dict[str, Any]], None]:
    """Answers only after it was asked so many times."""
    left = [times]

    def behave(handler: _Handler, body: dict[str, Any]) -> None:
        left[0] -= 1
        handler.answer(number, b"busy") if left[0] >= 0 else handler.complete(json.dumps(ANSWER))

    return behave


def refuses(part: str) -> Callable[[_Handler, dict[str, Any]], None]:
    """HTTP 400 for requests that have `part` in them, else an answer in tags."""

    def behave(handler: _Handler, body: dict[str, Any]) -> None:
        if part in json.dumps(body):
            handler.answer(400, json.dumps({"error": {"message": f"{part} is not supported"}}).encode())
        else:
            handler.complete(TAGGED)

    return behave


def drips(handler: _Handler, body: dict[str, Any]) -> None:
    """One byte of a header every now and then, without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(600):
        handler.wfile.write(b"a")
        handler.wfile.flush()
        time.sleep(0.05)


def endless(handler: _Handler, body: dict[str, Any]) -> None:
    """A body without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(10_000):
        handler.wfile.write(b" " * 65536)


def streams(text: str, last: str = "[DONE]", size: int = 7) -> Callable[[_Handler, dict[str, Any]], None]:
    """An answer in pieces of `size` characters, and a `last` event, if any."""

    def behave(handler: _Handler, body: dict[str, Any]) -> None:
        handler.begin_stream()
        for start in range(0, len(text), size):
            handler.chunk(text[start : start + size])
        if last:
            handler.event(last)

    return behave


def streams_without_end(handler: _Handler, body: dict[str, Any]) -> None:
    """Pieces of an answer, without end."""
    handler.begin_stream()
    for _ in range(1_000_000):
        handler.chunk("word " * 10_000)


def packed(handler: _Handler, body: dict[str, Any]) -> None:
    """A small body that would unpack to a large one."""
    handler.answer(200, gzip.compress(b" " * 50_000_000, 1), Content_Encoding="gzip")


def hangs_up(handler: _Handler, body: dict[str, Any]) -> None:
    """Closes the connection in the middle of an answer."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
