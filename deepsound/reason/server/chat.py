"""Chat completions: what is sent of a clip, and the text that comes back."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import Any

from deepsound.errors import EngineError
from deepsound.reason.server.client import Refused, post
from deepsound.reason.untuned import SYSTEM, examples, judge_request, judge_schema
from deepsound.runtime.endpoints import Endpoint
from deepsound.runtime.progress import Progress

_PATH = "/chat/completions"
_LETTER_TOKENS = 64
# What servers answer to a part of a request that they do not know or whose model cannot take it.
_CANNOT_TAKE = frozenset({400, 404, 415, 422, 501})


@dataclass(frozen=True)
class Question:
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
class Answer:
    """The text of a completion, the model's name as the server has it, and what it did not take of the question."""

    text: str
    model: str
    without: tuple[str, ...] = ()


def data_url(content: bytes, kind: str) -> str:
    """`content` as a data URL of that media type; a server fetches nothing for it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def complete(endpoint: Endpoint, question: Question, progress: Progress) -> Answer:
    """Ask the server; what it does not take is left out, the schema first, then the sound for words.

    Raises what `client.post` raises.
    """
    without: list[str] = []
    as_json = endpoint.schema and not question.text
    while True:
        try:
            reply = post(endpoint, _PATH, _body(endpoint, question, as_json), progress)
        except Refused as error:
            if error.status not in _CANNOT_TAKE:
                raise
            if as_json:
                as_json = False
                without.append("schema")
            elif question.sound:
                question = replace(question, sound="")
                without.append("sound")
            else:
                raise
        else:
            text, model = _read(endpoint, reply)
            return Answer(text, model, tuple(without))


def _body(endpoint: Endpoint, question: Question, as_json: bool) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM}]
    if endpoint.examples and not question.text:
        for asked, answer in examples(as_json):
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    messages.append({"role": "user", "content": question.parts(as_json)})
    most = endpoint.max_tokens if question.with_thought else min(endpoint.max_tokens, _LETTER_TOKENS)
    body: dict[str, Any] = {"messages": messages, "temperature": 0, "max_tokens": most}
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
    return content, model[:200] if isinstance(model, str) else endpoint.model
