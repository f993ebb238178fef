"""Server-sent events of a chat completion (`stream: true`), put together as it arrives."""

from __future__ import annotations

import json
from typing import Any

_DATA = b"data:"
_DONE = b"[DONE]"


class StreamError(Exception):
    """The server ended its answer with an error event; `status` is the HTTP status in it, or 0."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class CompletionStream:
    """The first choice's text of a stream that is given in blocks of bytes, and the completion it makes."""

    def __init__(self) -> None:
        self.is_done = False
        self._line = bytearray()
        self._event: list[bytes] = []
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._model: Any = None
        self._has_choice = False

    def add(self, block: bytes) -> str:
        """More of the stream; the text that came with it.

        Raises ValueError, RecursionError or TypeError for what is no chat completion, StreamError for an error event.
        """
        self._line += block
        if b"\n" not in block:
            return ""
        *lines, rest = bytes(self._line).split(b"\n")
        self._line = bytearray(rest)
        before = len(self._content)
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(_DATA):
                self._event.append(line[len(_DATA) :].strip())
            elif not line:
                self._end_event()
        return "".join(self._content[before:])

    def completion(self) -> dict[str, Any]:
        """The answer in the form of one that was not streamed."""
        message = {"content": "".join(self._content), "refusal": "".join(self._refusal)}
        return {"model": self._model, "choices": [{"message": message}] if self._has_choice else []}

    def _end_event(self) -> None:
        data, self._event = b"\n".join(self._event), []
        if self.is_done or not data:
            return
        if data == _DONE:
            self.is_done = True
            return
        chunk = json.loads(data.decode("utf-8", "replace"))
        if not isinstance(chunk, dict):
            raise TypeError("a chunk is no object")
        if chunk.get("error"):
            raise _error(chunk["error"])
        self._model = self._model or chunk.get("model")
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                self._add_choice(choice)

    def _add_choice(self, choice: dict[str, Any]) -> None:
        self._has_choice = True
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._content.append(_text(delta.get("content")))
            self._refusal.append(_text(delta.get("refusal")))
        self.is_done = self.is_done or bool(choice.get("finish_reason"))


def _text(content: Any) -> str:
    """The text of a delta, which may come in parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _error(content: Any) -> StreamError:
    code = content.get("code") if isinstance(content, dict) else None
    message = content.get("message") if isinstance(content, dict) else content
    return StreamError(code if isinstance(code, int) else 0, str(message))
