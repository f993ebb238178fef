"""Chinese of the workflows' notes, paragraph by paragraph; notes show both languages."""

from __future__ import annotations

import json
from pathlib import Path

PARAGRAPHS: dict[str, str] = json.loads(Path(__file__).with_name("notes.zh.json").read_text(encoding="utf-8"))


def chinese(text: str) -> str:
    """The Chinese of a note; a paragraph that the table lacks is left out.

    Paragraphs are found by their beginning, the longest that fits.
    """
    return "\n\n".join(found for part in text.split("\n\n") if (found := _of(part)))


def _of(paragraph: str) -> str:
    fitting = [begin for begin in PARAGRAPHS if paragraph.startswith(begin)]
    return PARAGRAPHS[max(fitting, key=len)] if fitting else ""


def lacking(text: str) -> list[str]:
    """The paragraphs of a note that have no Chinese."""
    return [part for part in text.split("\n\n") if not _of(part)]
