"""Chat completions: what is sent of a clip, and the text that comes back."""

from __future__ import annotations

import base64
import re
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Any

from deepsound.errors import EngineError
from deepsound.reason.line_streamer import LineStreamer
from deepsound.reason.server.client import Refused, post
from deepsound.reason.untuned import SYSTEM, examples, judge_request, judge_schema
from deepsound.runtime.endpoints import Endpoint
from deepsound.runtime.progress import Progress

_PATH = "/chat/completions"
_LETTER_TOKENS = 64
# Named in a refusal: the first is sent in place of max_tokens, the others are left out.
_PARAMETERS = ("max_completion_tokens", "temperature", "stream")
# What servers answer to a part of a request that they do not know or whose model cannot take it.
_CANNOT_TAKE = frozenset({400, 404, 415, 422, 501})


@dataclass(frozen=True)
class ChatQuestion:
    """What a model is asked: `pictures` as data URLs, `sound` as a WAV in base64, and what stands for it in words."""

    pictures: tuple[str, ...]
    is_video: bool
    sound: str = ""
    words: str = ""
    with_thought: bool = True
    text: str = ""

    def parts(self, as_json: bool) -> list[dict[str, Any]]:
        """The user's message: pictures, sound, question."""
        kind = "video_url" if self.is_video else "image_url"
        parts: list[dict[str, Any]] = [{"type": kind, kind: {"url": picture}} for picture in self.pictures]
        if self.sound:
            parts.append({"type": "input_audio", "input_audio": {"data": self.sound, "format": "wav"}})
        words = "" if self.sound else self.words
        return [*parts, {"type": "text", "text": self.text or judge_request(as_json, self.with_thought, words)}]


@dataclass(frozen=True)
class ChatAnswer:
    """The text of a completion, the model's name as the server has it, and what it did not take of the question."""

    text: str
    model: str
    without: tuple[str, ...] = ()


def data_url(content: bytes, kind: str) -> str:
    """`content` as a data URL of that media type; a server fetches nothing for it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def complete(
    endpoint: Endpoint,
    question: ChatQuestion,
    progress: Progress,
    lacking: frozenset[str] = frozenset(),
    lines: LineStreamer | None = None,
) -> ChatAnswer:
    """Ask the server; what it does not take is left out: the schema first, the sound for words, then streaming.

    `lacking` is what an earlier answer did without; `lines` says a streamed answer as it is written.
    Raises what `client.post` raises.
    """
    without = set(lacking)
    while True:
        try:
            reply = post(endpoint, _PATH, _body(endpoint, question, without), progress, lines)
        except Refused as error:
            part = _refused_part(endpoint, question, without, str(error))
            if error.status not in _CANNOT_TAKE or part is None:
                raise
            without.add(part)
        else:
            text, model = _read(endpoint, reply)
            return ChatAnswer(text, model, tuple(sorted(without)))


def _refused_part(endpoint: Endpoint, question: ChatQuestion, without: set[str], message: str) -> str | None:
    """What to leave out next: a parameter that the refusal names, else the schema, else the sound; None for nothing."""
    named = [name for name in _PARAMETERS if re.search(rf"\b{name}\b", message)]
    sent = [*named, *["schema"] * _wants_schema(endpoint, question), *["sound"] * bool(question.sound)]
    sent += ["stream"] * endpoint.stream
    return next((part for part in sent if part not in without), None)


def _wants_schema(endpoint: Endpoint, question: ChatQuestion) -> bool:
    return endpoint.schema and not question.text


def _body(endpoint: Endpoint, question: ChatQuestion, without: Set[str]) -> dict[str, Any]:
    as_json = _wants_schema(endpoint, question) and "schema" not in without
    if "sound" in without:
        question = replace(question, sound="")
    messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM}]
    if endpoint.examples and not question.text:
        for asked, answer in examples(as_json):
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    messages.append({"role": "user", "content": question.parts(as_json)})
    most = endpoint.max_tokens if question.with_thought else min(endpoint.max_tokens, _LETTER_TOKENS)
    # Some models take one limit's name and no temperature but their own.
    limit = "max_completion_tokens" if "max_completion_tokens" in without else "max_tokens"
    body: dict[str, Any] = {"messages": messages, limit: most}
    if "temperature" not in without:
        body["temperature"] = 0
    if endpoint.stream and "stream" not in without:
        body["stream"] = True
    if endpoint.model:
        body["model"] = endpoint.model
    if as_json:
        schema = {"name": "judgement", "strict": True, "schema": judge_schema(question.with_thought)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _read(endpoint: Endpoint, reply: Any) -> tuple[str, str]:
    """The first choice's text and the model's name. Raises EngineError for a reply of another form."""
    try:
        message = reply["choices"][0]["message"]
        content = message.get("content") or message.get("refusal") or ""
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content)
        if not isinstance(content, str):
            raise TypeError
    except (LookupError, TypeError, AttributeError):
        raise EngineError(
            f"server:{endpoint.name}: expected a chat completion with a choice, got JSON of another form; correct the "
            "endpoint's url, which ends in /v1 for most servers."
        ) from None
    model = reply.get("model")
    return _whole_characters(content), _whole_characters(model[:200]) if isinstance(model, str) else endpoint.model


def _whole_characters(text: str) -> str:
    """`text` with the halves of a character that came in two events joined, and those without another half replaced.

    JSON may have lone surrogates, which no file or terminal in UTF-8 takes.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
