"""Line streamer: text that a model writes piece by piece, said by lines and sections."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from deepsound.reason.answer_parser import MOST_READ, plain
from deepsound.runtime.progress import Progress

_SECTION_END = re.compile(
    r"(?<=</SUMMARY>)|(?<=</CAPTION>)|(?<=</REASONING>)|(?<=</VOICE_SPANS>)|(?<=</CONCLUSION>)", re.IGNORECASE
)
# Numbers for the program; the judgement has them.
_SPANS = "<VOICE_SPANS>"
_FIELD = re.compile(r'"(summary|caption|reasoning|conclusion)"\s*:\s*("(?:[^"\\]|\\.)*")')
# A chat model may fence its JSON.
_JSON_START = re.compile(r"\s*(?:```(?:json)?\s*)?\{")


class LineStreamer:
    """Says a text as it is written, without what a terminal or a page would obey.

    A line is said at its end, a tagged section with its closing tag, and a section of a JSON answer, in tags, once its
    string is closed. `clean` is given each before it is said. No more is said than is read of an answer.
    """

    def __init__(self, progress: Progress, clean: Callable[[str], str] = str) -> None:
        self._progress, self._clean = progress, clean
        self.restart()

    def restart(self) -> None:
        """The text begins anew."""
        self._begun = ""
        self._is_json: bool | None = None
        self._has_fields = False
        self._length = 0

    @property
    def has_text(self) -> bool:
        """Whether anything was written."""
        return self._length > 0

    def add(self, text: str) -> None:
        """More of the text; whole lines and sections are said."""
        text = text[: MOST_READ - self._length]
        self._length += len(text)
        self._begun += text
        if self._is_json is None and self._begun.strip("` \n\t\r"):
            self._is_json = bool(_JSON_START.match(self._begun)) or (None if self._may_become_json() else False)
        if self._is_json:
            if '"' in text:
                self._say_fields()
        elif self._is_json is False:
            *lines, self._begun = [part for line in self._begun.split("\n") for part in _SECTION_END.split(line)]
            for line in lines:
                self._say(line)

    def end(self) -> None:
        """The text is over: what is left of it is said, unless it is JSON whose sections were."""
        if not (self._is_json and self._has_fields):
            for line in self._begun.split("\n"):
                self._say(line)
        self._begun = ""

    def _may_become_json(self) -> bool:
        return "json".startswith(self._begun.strip().lstrip("`").strip()) and self._begun.lstrip().startswith("`")

    def _say_fields(self) -> None:
        end = 0
        for field in _FIELD.finditer(self._begun):
            end, self._has_fields = field.end(), True
            name = field.group(1).upper()
            try:
                value = json.loads(field.group(2), strict=False)
            except ValueError:
                continue
            self._say(f"<{name}> {' '.join(value.split())} </{name}>")
        self._begun = self._begun[end:]

    def _say(self, line: str) -> None:
        line = plain(self._clean(line)).strip()
        if line and not line.upper().startswith(_SPANS):
            self._progress.say(line)
