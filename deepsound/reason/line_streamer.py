"""Line streamer: text that a model writes piece by piece, said line by line."""

from __future__ import annotations

from deepsound.reason.answer_parser import plain
from deepsound.runtime.progress import Progress


class LineStreamer:
    """Says a text line by line as it is written, without what a terminal or a page would obey."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._begun = ""

    def add(self, text: str) -> None:
        """More of the text; whole lines are said."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._say(line)

    def end(self) -> None:
        """The text is over: what is left of it is said."""
        self._say(self._begun)
        self._begun = ""

    def _say(self, line: str) -> None:
        if plain(line).strip():
            self._progress.say(plain(line).strip())
